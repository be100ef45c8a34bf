"""Words and sound that overlap: late words, pending finals, flushed sound."""

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
from tests.states.situations import call_in


def test_the_turn_waits_for_the_words_of_both_utterances() -> None:
    one = call_in("words", ended=2).on(FinalHeard(1, "nails"), after=0.5)
    assert (one.outcome, one.remaining("words_wait")) == (Outcome.STAYED, 2.2)
    both = one.on(FinalHeard(2, "and a hammer"))
    assert both.data.history == (Said("caller", "nails and a hammer"),)


@pytest.mark.parametrize("leaf", ["pause", "words"])
def test_an_empty_final_removes_its_partial_and_makes_no_question(leaf: str) -> None:
    after = call_in(leaf, ended=1, partial="nai", partial_of=1).on(FinalHeard(1, ""))
    assert (after.state, after.data.history) == ("listening.waiting", ())


def test_heard_words_of_a_reply_that_late_words_interrupt_are_marked() -> None:
    after = call_in("chunks").on(FinalHeard(2, "no"), PlaybackStopped(2, "For metals"))
    assert after.data.history == (Said("agent", "For metals", 2, interrupted=True),)


def test_a_final_leaves_the_partial_of_a_later_utterance() -> None:
    call = call_in("hearing", partial="a hammer", partial_of=2, ended=1)
    assert call.on(FinalHeard(1, "nails")).data.partial == "a hammer"


def test_a_partial_without_words_removes_no_words() -> None:
    call = call_in("hearing", partial="nails", partial_of=1)
    assert call.on(PartialHeard(1, "")).data.partial == "nails"


def test_flushed_sound_delays_no_timer_after_a_false_alarm() -> None:
    over = call_in("chunks").on(SoundQueued(2, 0, 20.0)).on(SpeechStarted(2), after=1.0)
    after = (
        over.due("barge_in_speech")
        .on(SpeechEnded(2))
        .due("false_alarm")
        .on(SoundQueued(2, 0, 19.0))
    )
    assert after.remaining("playback_stuck") == 19.0 + 3.0


def test_a_reprompt_does_not_reset_the_apologies() -> None:
    reprompt = Reply(2, "reprompt", "Still there?")
    after = call_in("chunks", reply=reprompt, apologies=2).on(PlaybackFinished(2))
    assert after.data.apologies == 2


def test_the_callers_last_words_are_in_the_history_when_the_call_ends() -> None:
    call = call_in("settling.pause", ended=1).on(FinalHeard(1, "Cancel my order"))
    assert call.on(CallerHungUp()).data.history == (Said("caller", "Cancel my order"),)
    half = call_in("hearing", partial="Cancel my", partial_of=1)
    assert half.on(LineClosed()).data.history == (Said("caller", "Cancel my"),)
    assert call_in("waiting").on(CallerHungUp()).data.history == ()


def test_the_operator_ends_a_call_in_which_the_model_says_goodbye() -> None:
    goodbye = Reply(2, "answer", ready=True, ends_call=True)
    after = call_in("chunks", reply=goodbye).on(HangUpRequested("drain"))
    assert after.purpose == "farewell"


def test_an_answer_that_waits_for_a_fillers_word_does_not_time_out() -> None:
    fillers = (FillerClip("Well,", 0.5, (0.5,)),)
    call = call_in("filler_ending", fillers=fillers, filler=0, reply=Reply(2, "a", ready=True))
    occurrence = Occurrence(call.at_us, TimerFired("call.turn.thinking", "reply_wait"))
    step = decide(CHART, call.configuration, call.data, occurrence)
    assert step.after.leaf == "call.turn.speaking.opening"
    assert step.data.reply.number == 2
