"""The caller seems to have ended: is it the end of the turn, and what was said?"""

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
from tests.states.standing import Standing, standing


def asked(stands: Standing) -> str:
    """The question that the model was given, in `thinking`."""
    assert stands.state == "thinking.silent"
    assert stands.purpose == "answer"
    assert stands.effects == (StartReply(stands.data.reply),)
    assert stands.data.said[-1].who == "caller"
    return stands.data.said[-1].text


def test_silence_after_a_complete_question_is_the_end_of_the_turn() -> None:
    after = standing("pause", question=("nails",), ended=1, recognised=1).due("end_of_turn")
    assert (after.seconds, asked(after)) == (0.7, "nails")
    assert (after.data.question, after.data.answered) == ((), 1)


def test_words_that_come_during_the_pause_do_not_make_it_longer() -> None:
    after = standing("pause", ended=1).on(FinalHeard(1, "nails"), after=0.5)
    assert (after.state, after.outcome) == ("settling.pause", Outcome.STAYED)
    assert after.remaining("end_of_turn") == 0.2
    assert asked(after.due("end_of_turn")) == "nails"


def test_a_caller_who_goes_on_keeps_the_turn_and_what_was_said() -> None:
    for leaf in ("pause", "words"):
        after = standing(leaf, question=("nails",)).on(SpeechStarted(2))
        assert (after.state, after.data.question) == ("listening.hearing", ("nails",))


def test_words_that_are_owed_are_waited_for() -> None:
    assert standing("pause", ended=1).due("end_of_turn").state == "settling.words"
    one_of_two = standing("pause", question=("nails",), ended=2, recognised=1)
    assert one_of_two.due("end_of_turn").state == "settling.words"


def test_an_empty_final_of_a_noise_gives_the_turn_back() -> None:
    for leaf in ("pause", "words"):
        after = standing(leaf, ended=1).on(FinalHeard(1, ""))
        assert (after.state, after.data.recognised) == ("listening.waiting", 1)


@pytest.mark.parametrize("leaf", ["pause", "words"])
def test_a_noise_behind_a_question_that_has_no_answer_yet_has_it_answered(leaf: str) -> None:
    known = standing("pause", question=("nails",), ended=1, recognised=1).due("end_of_turn").data
    assert known.unanswered
    stands = replace(standing(leaf), data=replace(known, ended=2))
    after = stands.on(FinalHeard(2, ""))
    assert asked(after) == "nails"
    assert after.data.reply.number == known.reply.number + 1
    # What was heard of an answer is one.
    answered = stands.on(PlaybackStopped(2, "We have")).on(FinalHeard(2, ""))
    assert answered.state == "listening.waiting"


def test_an_empty_final_of_a_noise_after_the_question_does_not_take_it_away() -> None:
    after = standing("pause", question=("nails",), ended=2, recognised=1).on(FinalHeard(2, ""))
    assert (after.state, after.data.recognised) == ("settling.pause", 2)
    assert asked(after.due("end_of_turn")) == "nails"


def test_a_noise_whose_final_comes_after_the_end_of_turn_leaves_the_question() -> None:
    after = standing("words", question=("nails",), ended=2, recognised=1).on(FinalHeard(2, ""))
    assert asked(after) == "nails"


def test_a_noise_before_what_is_still_owed_does_not_give_the_turn_back() -> None:
    after = standing("pause", ended=2).on(FinalHeard(1, ""))
    assert (after.state, after.data.recognised) == ("settling.pause", 1)


def test_a_noise_does_not_take_away_words_of_which_only_a_partial_is_known() -> None:
    pause = standing("pause", partial="nails", partial_of=1, ended=2).on(FinalHeard(2, ""))
    assert asked(pause.due("end_of_turn")) == "nails"
    words = standing("words", partial="nails", partial_of=1, ended=2).on(FinalHeard(2, ""))
    assert asked(words) == "nails"


def test_the_last_words_owed_are_answered_the_moment_they_are_there() -> None:
    after = standing("words", question=("nails",), ended=2, recognised=1)
    assert asked(after.on(FinalHeard(2, "and a hammer"), after=0.3)) == "nails and a hammer"


def test_a_final_that_never_comes_is_replaced_by_its_partial() -> None:
    after = standing("words", partial="nai", partial_of=1, ended=1).due("words_wait")
    assert (after.seconds, asked(after), after.data.answered) == (2.7, "nai", 1)


def test_a_question_whose_last_utterance_stays_unknown_is_answered_without_it() -> None:
    after = standing("words", question=("nails",), ended=2, recognised=1).due("words_wait")
    assert (asked(after), after.data.answered) == ("nails", 2)


def test_speech_of_which_nothing_is_ever_known_is_apologised_for() -> None:
    after = standing("words", ended=1).due("words_wait")
    assert (after.state, after.purpose) == ("speaking.opening", "apology")
    assert after.effects == (StartReply(after.data.reply),)


def test_speech_of_which_nothing_is_known_once_too_often_ends_the_call() -> None:
    after = standing("words", ended=1, apologies=2).due("words_wait")
    assert (after.state, after.purpose) == ("speaking.opening", "regret")
    assert after.effects == (StartReply(after.data.reply),)


def test_the_words_that_were_apologised_for_still_count_when_they_come() -> None:
    after = standing("words", ended=1).due("words_wait").on(FinalHeard(1, "nails"))
    assert (after.state, after.data.question) == ("listening.interrupted", ("nails",))


def test_an_end_of_speech_is_a_debt_and_partials_are_kept() -> None:
    for leaf in ("pause", "words"):
        after = standing(leaf, ended=1).on(SpeechEnded(2), PartialHeard(2, "a ham"))
        assert after.configuration == standing(leaf).configuration
        assert (after.data.ended, after.data.partial) == (2, "a ham")


def test_the_answer_follows_what_was_heard_before() -> None:
    history = (Said("agent", "Hello.", 1),)
    after = standing("pause", question=("nails",), history=history).due("end_of_turn")
    assert after.data.history == (*history, Said("caller", "nails"))


def test_settings_say_how_long_silence_and_words_are_waited_for() -> None:
    settings = PhoneSettings(end_of_turn=0.2, words_wait=0.4)
    assert standing("pause", settings=settings).due("end_of_turn").seconds == 0.2
    assert standing("words", settings=settings).due("words_wait").seconds == 0.6


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
def test_how_much_silence_ends_a_turn_depends_on_what_was_said(
    question: str, silence: float, known: str
) -> None:
    event = FinalHeard(1, question) if known == "final" else PartialHeard(1, question)
    stands = standing("pause", question=("hello",), ended=1)
    assert stands.on(event, after=0.1).due("end_of_turn").seconds == pytest.approx(silence)


def test_the_recognisers_own_end_of_utterance_needs_less_silence() -> None:
    stands = standing("pause", ended=1).on(FinalHeard(1, "nails"))
    assert stands.on(EndOfUtteranceHeard(1), after=0.1).due("end_of_turn").seconds == 0.4
    late = stands.on(EndOfUtteranceHeard(1), after=0.6).due("end_of_turn")
    assert (late.seconds, asked(late)) == (0.6, "nails")


def test_an_end_of_utterance_after_what_sounds_unfinished_is_no_sign() -> None:
    stands = standing("pause", ended=1).on(FinalHeard(1, "nails and"), EndOfUtteranceHeard(1))
    assert stands.due("end_of_turn").seconds == 0.7


def test_the_end_of_an_earlier_utterance_says_nothing_about_a_later_one() -> None:
    stands = standing("hearing", end_recognised=1).on(SpeechEnded(2)).on(FinalHeard(2, "nails"))
    assert stands.due("end_of_turn").seconds == 0.7


def test_bounds_beyond_the_ordinary_silence_are_none() -> None:
    settings = PhoneSettings(end_of_turn=0.2)
    asks = standing("pause", settings=settings, question=("Do you have nails?",))
    assert asks.due("end_of_turn").seconds == 0.2
    settings = PhoneSettings(end_of_turn=1.5)
    goes_on = standing("pause", settings=settings, question=("nails and",))
    assert goes_on.due("end_of_turn").seconds == 1.5


def test_silence_counts_from_the_end_of_speech_whenever_the_words_come() -> None:
    silent = standing("barged_in.speech").on(SpeechEnded(2), after=0.2)
    interrupted = silent.on(FinalHeard(2, "no"), after=0.5)
    after = interrupted.due("settle").due("end_of_turn")
    assert (after.seconds, asked(after)) == (0.9, "no")


def test_a_caller_who_goes_on_and_on_counts_as_silent_from_then_on() -> None:
    after = standing("hearing").on(PartialHeard(1, "nai")).due("longest_utterance")
    assert (after.state, after.remaining("words_wait")) == ("settling.words", 2.7)


def test_another_end_of_speech_begins_the_silence_again() -> None:
    after = standing("pause", ended=1).on(SpeechEnded(2), after=0.5).due("end_of_turn")
    assert after.seconds == pytest.approx(1.2)
