"""What two sides say at once: late words, owed words, flushed sound."""

from __future__ import annotations

import pytest

from callchart.engine.chart import Occurrence, Outcome, decide
from callchart.engine.data import FillerClip, Reply, Said
from callchart.engine.events import (
    CallerHungUp,
    FinalHeard,
    HangUpRequested,
    LineClosed,
    PartialHeard,
    PlaybackFinished,
    PlaybackStopped,
    SoundQueued,
    SpeechEnded,
    SpeechStarted,
    TimerFired,
)
from callchart.states import CHART
from tests.states.standing import standing


def test_the_words_of_two_utterances_are_waited_for_both() -> None:
    one = standing("words", ended=2).on(FinalHeard(1, "nails"), after=0.5)
    assert (one.outcome, one.remaining("words_wait")) == (Outcome.STAYED, 2.2)
    both = one.on(FinalHeard(2, "and a hammer"))
    assert both.data.history == (Said("caller", "nails and a hammer"),)


@pytest.mark.parametrize("leaf", ["pause", "words"])
def test_an_empty_final_takes_its_partial_back_and_asks_nothing(leaf: str) -> None:
    after = standing(leaf, ended=1, partial="nai", partial_of=1).on(FinalHeard(1, ""))
    assert (after.state, after.data.history) == ("listening.waiting", ())


def test_what_was_heard_of_a_reply_that_late_words_cut_off_is_marked() -> None:
    after = standing("chunks").on(FinalHeard(2, "no"), PlaybackStopped(2, "For metals"))
    assert after.data.history == (Said("agent", "For metals", 2, interrupted=True),)


def test_a_final_leaves_the_partial_of_a_later_utterance() -> None:
    stands = standing("hearing", partial="a hammer", partial_of=2, ended=1)
    assert stands.on(FinalHeard(1, "nails")).data.partial == "a hammer"


def test_a_partial_without_words_takes_none_away() -> None:
    stands = standing("hearing", partial="nails", partial_of=1)
    assert stands.on(PartialHeard(1, "")).data.partial == "nails"


def test_sound_that_was_flushed_is_not_waited_for_after_a_false_alarm() -> None:
    over = standing("chunks").on(SoundQueued(2, 0, 20.0)).on(SpeechStarted(2), after=1.0)
    after = (
        over.due("barge_in_speech")
        .on(SpeechEnded(2))
        .due("false_alarm")
        .on(SoundQueued(2, 0, 19.0))
    )
    assert after.remaining("playback_stuck") == 19.0 + 3.0


def test_a_reprompt_does_not_make_the_next_failure_the_first() -> None:
    reprompt = Reply(2, "reprompt", "Still there?")
    after = standing("chunks", reply=reprompt, apologies=2).on(PlaybackFinished(2))
    assert after.data.apologies == 2


def test_what_was_said_last_is_in_the_history_of_a_call_that_ends() -> None:
    stands = standing("settling.pause", ended=1).on(FinalHeard(1, "Cancel my order"))
    assert stands.on(CallerHungUp()).data.history == (Said("caller", "Cancel my order"),)
    half = standing("hearing", partial="Cancel my", partial_of=1)
    assert half.on(LineClosed()).data.history == (Said("caller", "Cancel my"),)
    assert standing("waiting").on(CallerHungUp()).data.history == ()


def test_the_operator_ends_a_call_in_which_the_model_says_goodbye() -> None:
    goodbye = Reply(2, "answer", ready=True, ends_call=True)
    after = standing("chunks", reply=goodbye).on(HangUpRequested("drain"))
    assert after.purpose == "farewell"


def test_an_answer_that_is_ready_is_not_given_up_for_its_fillers_word() -> None:
    fillers = (FillerClip("Well,", 0.5, (0.5,)),)
    stands = standing("filler_ending", fillers=fillers, filler=0, reply=Reply(2, "a", ready=True))
    occurrence = Occurrence(stands.at, TimerFired("call.turn.thinking", "reply_wait"))
    step = decide(CHART, stands.configuration, stands.data, occurrence)
    assert step.after.leaf == "call.turn.speaking.opening"
    assert step.data.reply.number == 2
