"""The caller's turn, without a reply."""

from __future__ import annotations

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.effects import StartReply
from callchart.engine.events import FinalHeard, PartialHeard, SpeechEnded, SpeechStarted
from callchart.states.settings import PhoneSettings
from tests.states.situations import call_in


def test_a_caller_who_begins_to_speak_is_heard() -> None:
    assert call_in("waiting").on(SpeechStarted(1)).state == "listening.hearing"


def test_words_without_a_beginning_of_speech_lead_to_hearing() -> None:
    after = call_in("waiting").on(PartialHeard(1, "a ham"))
    assert (after.state, after.data.partial) == ("listening.hearing", "a ham")


def test_a_partial_without_words_is_ignored() -> None:
    after = call_in("waiting").on(PartialHeard(1, " "))
    assert (after.outcome, after.state) == (Outcome.IGNORED, "listening.waiting")


def test_an_end_of_speech_without_a_beginning_leads_to_settling() -> None:
    after = call_in("waiting").on(SpeechEnded(1))
    assert (after.state, after.data.ended) == ("settling.pause", 1)


def test_a_final_during_silence_is_a_question() -> None:
    after = call_in("waiting").on(FinalHeard(1, "a hammer"))
    assert (after.state, after.data.question) == ("settling.pause", ("a hammer",))


def test_an_empty_final_does_not_end_the_silence() -> None:
    after = call_in("waiting").on(FinalHeard(1, ""), after=4.0)
    assert (after.outcome, after.data.recognised) == (Outcome.STAYED, 1)
    assert after.remaining("no_input") == 2.0


def test_the_agent_asks_again_after_silence_and_finally_says_goodbye() -> None:
    asked = call_in("waiting", reprompts=1).due("no_input")
    assert (asked.seconds, asked.state, asked.purpose) == (6.0, "speaking.opening", "reprompt")
    assert (asked.data.reprompts, asked.effects) == (2, (StartReply(asked.data.reply),))
    goodbye = call_in("waiting", reprompts=2).due("no_input")
    assert (goodbye.state, goodbye.purpose) == ("speaking.opening", "farewell")
    assert goodbye.effects == (StartReply(goodbye.data.reply),)


def test_the_words_of_an_utterance_are_collected_until_its_end() -> None:
    after = call_in("hearing").on(
        SpeechStarted(1), PartialHeard(1, "nai"), FinalHeard(1, "nails"), PartialHeard(1, "a ham")
    )
    assert after.state == "listening.hearing"
    assert (after.data.question, after.data.partial) == (("nails",), "a ham")
    ended = after.on(SpeechEnded(1))
    assert (ended.state, ended.data.ended) == ("settling.pause", 1)


def test_late_words_of_an_ended_utterance_lead_to_settling() -> None:
    after = call_in("waiting", ended=1).on(PartialHeard(1, "nails"))
    assert (after.state, after.data.partial) == ("settling.pause", "nails")
    assert call_in("waiting", ended=1).on(PartialHeard(2, "nails")).state == "listening.hearing"


def test_a_second_beginning_does_not_make_an_utterance_longer() -> None:
    after = call_in("hearing").on(SpeechStarted(2), after=10.0)
    assert (after.outcome, after.remaining("longest_utterance")) == (Outcome.IGNORED, 20.0)


def test_an_utterance_without_an_end_is_answered() -> None:
    after = call_in("hearing").due("longest_utterance")
    assert (after.seconds, after.state) == (30.0, "settling.words")


def test_an_ended_interruption_settles_in_its_own_step() -> None:
    after = call_in("interrupted").due("settle")
    assert (after.seconds, after.state) == (0.0, "settling.pause")


def test_a_caller_who_goes_on_after_an_interruption_is_heard() -> None:
    assert call_in("interrupted").on(SpeechStarted(2)).state == "listening.hearing"


@pytest.mark.parametrize(
    ("event", "field", "value"),
    [
        (SpeechEnded(2), "ended", 2),
        (PartialHeard(2, "no"), "partial", "no"),
        (FinalHeard(2, "no"), "question", ("no",)),
    ],
)
def test_every_event_of_an_interruption_counts_while_it_settles(
    event: SpeechEnded | PartialHeard | FinalHeard, field: str, value: object
) -> None:
    after = call_in("interrupted").on(event)
    assert (after.outcome, after.state) == (Outcome.STAYED, "listening.interrupted")
    assert getattr(after.data, field) == value


def test_settings_bound_silence_and_speech() -> None:
    settings = PhoneSettings(no_input=1.5, longest_utterance=2.5)
    assert call_in("waiting", settings=settings).due("no_input").seconds == 1.5
    assert call_in("hearing", settings=settings).due("longest_utterance").seconds == 2.5
