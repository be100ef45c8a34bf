"""The caller is silent: has the turn ended, and are all words known?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import Said
from callchart.engine.effects import StartReply
from callchart.engine.events import (
    EndOfUtteranceHeard,
    FinalHeard,
    PartialHeard,
    PlaybackStopped,
    SpeechEnded,
    SpeechStarted,
)
from callchart.states.settings import PhoneSettings
from tests.states.situations import CallInState, call_in


def asked(call: CallInState) -> str:
    """Check that the model was asked in the last step, and return the question."""
    assert call.state == "thinking.silent"
    assert call.purpose == "answer"
    assert call.effects == (StartReply(call.data.reply),)
    assert call.data.said[-1].who == "caller"
    return call.data.said[-1].text


def test_silence_after_a_complete_question_is_the_end_of_the_turn() -> None:
    after = call_in("pause", question=("nails",), ended=1, recognised=1).due("end_of_turn")
    assert (after.seconds, asked(after)) == (0.7, "nails")
    assert (after.data.question, after.data.answered) == ((), 1)


def test_words_during_the_pause_do_not_extend_it() -> None:
    after = call_in("pause", ended=1).on(FinalHeard(1, "nails"), after=0.5)
    assert (after.state, after.outcome) == ("settling.pause", Outcome.STAYED)
    assert after.remaining("end_of_turn") == 0.2
    assert asked(after.due("end_of_turn")) == "nails"


def test_a_caller_who_goes_on_keeps_the_turn_and_the_question() -> None:
    for leaf in ("pause", "words"):
        after = call_in(leaf, question=("nails",)).on(SpeechStarted(2))
        assert (after.state, after.data.question) == ("listening.hearing", ("nails",))


def test_the_turn_waits_for_a_pending_final() -> None:
    assert call_in("pause", ended=1).due("end_of_turn").state == "settling.words"
    one_of_two = call_in("pause", question=("nails",), ended=2, recognised=1)
    assert one_of_two.due("end_of_turn").state == "settling.words"


def test_the_empty_final_of_a_noise_gives_the_turn_back() -> None:
    for leaf in ("pause", "words"):
        after = call_in(leaf, ended=1).on(FinalHeard(1, ""))
        assert (after.state, after.data.recognised) == ("listening.waiting", 1)


@pytest.mark.parametrize("leaf", ["pause", "words"])
def test_an_unanswered_question_is_answered_again_after_a_noise(leaf: str) -> None:
    known = call_in("pause", question=("nails",), ended=1, recognised=1).due("end_of_turn").data
    assert known.unanswered
    call = replace(call_in(leaf), data=replace(known, ended=2))
    after = call.on(FinalHeard(2, ""))
    assert asked(after) == "nails"
    assert after.data.reply.number == known.reply.number + 1
    # An answer of which words were heard is an answer.
    answered = call.on(PlaybackStopped(2, "We have")).on(FinalHeard(2, ""))
    assert answered.state == "listening.waiting"


def test_the_empty_final_of_a_noise_keeps_the_question_before_it() -> None:
    after = call_in("pause", question=("nails",), ended=2, recognised=1).on(FinalHeard(2, ""))
    assert (after.state, after.data.recognised) == ("settling.pause", 2)
    assert asked(after.due("end_of_turn")) == "nails"


def test_a_final_of_a_noise_after_the_end_of_turn_keeps_the_question() -> None:
    after = call_in("words", question=("nails",), ended=2, recognised=1).on(FinalHeard(2, ""))
    assert asked(after) == "nails"


def test_a_noise_before_a_pending_final_does_not_give_the_turn_back() -> None:
    after = call_in("pause", ended=2).on(FinalHeard(1, ""))
    assert (after.state, after.data.recognised) == ("settling.pause", 1)


def test_a_noise_keeps_words_that_have_only_a_partial() -> None:
    pause = call_in("pause", partial="nails", partial_of=1, ended=2).on(FinalHeard(2, ""))
    assert asked(pause.due("end_of_turn")) == "nails"
    words = call_in("words", partial="nails", partial_of=1, ended=2).on(FinalHeard(2, ""))
    assert asked(words) == "nails"


def test_the_last_pending_final_is_answered_immediately() -> None:
    after = call_in("words", question=("nails",), ended=2, recognised=1)
    assert asked(after.on(FinalHeard(2, "and a hammer"), after=0.3)) == "nails and a hammer"


def test_a_final_that_never_comes_is_replaced_by_its_partial() -> None:
    after = call_in("words", partial="nai", partial_of=1, ended=1).due("words_wait")
    assert (after.seconds, asked(after), after.data.answered) == (2.7, "nai", 1)


def test_a_question_is_answered_without_an_utterance_that_has_no_result() -> None:
    after = call_in("words", question=("nails",), ended=2, recognised=1).due("words_wait")
    assert (asked(after), after.data.answered) == ("nails", 2)


def test_the_agent_apologises_for_speech_without_any_result() -> None:
    after = call_in("words", ended=1).due("words_wait")
    assert (after.state, after.purpose) == ("speaking.opening", "apology")
    assert after.effects == (StartReply(after.data.reply),)


def test_speech_without_any_result_after_the_last_apology_ends_the_call() -> None:
    after = call_in("words", ended=1, apologies=2).due("words_wait")
    assert (after.state, after.purpose) == ("speaking.opening", "regret")
    assert after.effects == (StartReply(after.data.reply),)


def test_late_words_after_an_apology_still_count() -> None:
    after = call_in("words", ended=1).due("words_wait").on(FinalHeard(1, "nails"))
    assert (after.state, after.data.question) == ("listening.interrupted", ("nails",))


def test_settling_keeps_ends_of_speech_and_partials() -> None:
    for leaf in ("pause", "words"):
        after = call_in(leaf, ended=1).on(SpeechEnded(2), PartialHeard(2, "a ham"))
        assert after.configuration == call_in(leaf).configuration
        assert (after.data.ended, after.data.partial) == (2, "a ham")


def test_a_question_follows_the_earlier_history() -> None:
    history = (Said("agent", "Hello.", 1),)
    after = call_in("pause", question=("nails",), history=history).due("end_of_turn")
    assert after.data.history == (*history, Said("caller", "nails"))


def test_settings_set_the_waits_for_silence_and_words() -> None:
    settings = PhoneSettings(end_of_turn=0.2, words_wait=0.4)
    assert call_in("pause", settings=settings).due("end_of_turn").seconds == 0.2
    assert call_in("words", settings=settings).due("words_wait").seconds == 0.6


@pytest.mark.parametrize(
    ("question", "silence"),
    [
        ("nails", 0.7),
        ("I would like nails.", 0.7),
        ("Do you have nails?", 0.4),
        ("when do you open", 0.4),
        ("I would like nails and", 1.0),
        ("I would like nails,", 1.0),
        ("когда вы открыты", 0.4),
        ("мне нужны гвозди и эээ", 1.0),
        ("where can I find the", 0.7),
        ("", 0.7),
    ],
)
@pytest.mark.parametrize("known", ["final", "partial"])
def test_the_wording_decides_how_much_silence_ends_a_turn(
    question: str, silence: float, known: str
) -> None:
    event = FinalHeard(1, question) if known == "final" else PartialHeard(1, question)
    call = call_in("pause", question=("hello",), ended=1)
    assert call.on(event, after=0.1).due("end_of_turn").seconds == pytest.approx(silence)


def test_the_recognisers_own_end_of_utterance_needs_less_silence() -> None:
    call = call_in("pause", ended=1).on(FinalHeard(1, "nails"))
    assert call.on(EndOfUtteranceHeard(1), after=0.1).due("end_of_turn").seconds == 0.4
    late = call.on(EndOfUtteranceHeard(1), after=0.6).due("end_of_turn")
    assert (late.seconds, asked(late)) == (0.6, "nails")


def test_an_end_of_utterance_after_unfinished_words_needs_the_default_silence() -> None:
    call = call_in("pause", ended=1).on(FinalHeard(1, "nails and"), EndOfUtteranceHeard(1))
    assert call.due("end_of_turn").seconds == 0.7


def test_the_end_of_an_earlier_utterance_does_not_shorten_the_silence() -> None:
    call = call_in("hearing", end_recognised=1).on(SpeechEnded(2)).on(FinalHeard(2, "nails"))
    assert call.due("end_of_turn").seconds == 0.7


def test_bounds_beyond_the_default_silence_have_no_effect() -> None:
    settings = PhoneSettings(end_of_turn=0.2)
    asks = call_in("pause", settings=settings, question=("Do you have nails?",))
    assert asks.due("end_of_turn").seconds == 0.2
    settings = PhoneSettings(end_of_turn=1.5)
    goes_on = call_in("pause", settings=settings, question=("nails and",))
    assert goes_on.due("end_of_turn").seconds == 1.5


def test_silence_counts_from_the_end_of_speech_whenever_the_words_come() -> None:
    silent = call_in("barged_in.speech").on(SpeechEnded(2), after=0.2)
    interrupted = silent.on(FinalHeard(2, "no"), after=0.5)
    after = interrupted.due("settle").due("end_of_turn")
    assert (after.seconds, asked(after)) == (0.9, "no")


def test_a_caller_beyond_the_longest_utterance_counts_as_silent() -> None:
    after = call_in("hearing").on(PartialHeard(1, "nai")).due("longest_utterance")
    assert (after.state, after.remaining("words_wait")) == ("settling.words", 2.7)


def test_another_end_of_speech_restarts_the_silence() -> None:
    after = call_in("pause", ended=1).on(SpeechEnded(2), after=0.5).due("end_of_turn")
    assert after.seconds == pytest.approx(1.2)
