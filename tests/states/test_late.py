"""Late events, about a finished utterance or a replaced reply, change nothing."""

from __future__ import annotations

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import Said
from callchart.engine.events import (
    CallerHungUp,
    EndOfUtteranceHeard,
    Event,
    FinalHeard,
    PartialHeard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
    SoundQueued,
    SpeechEnded,
    SpeechStarted,
)
from tests.states.situations import call_in


@pytest.mark.parametrize(
    "event",
    [
        PartialHeard(3, "a hammer"),
        FinalHeard(3, "a hammer"),
        SpeechEnded(3),
        EndOfUtteranceHeard(3),
        FinalHeard(2, "nails"),
    ],
)
def test_an_event_of_an_answered_utterance_is_late(event: Event) -> None:
    call = call_in("speaking.chunks", answered=3)
    after = call.on(event)
    assert (after.outcome, after.data) == (Outcome.LATE, call.data)


@pytest.mark.parametrize(
    "event", [PartialHeard(4, "a"), FinalHeard(4, "a"), EndOfUtteranceHeard(4), SpeechEnded(4)]
)
def test_an_event_of_the_next_utterance_is_not_late(event: Event) -> None:
    assert call_in("speaking.chunks", answered=3).on(event).outcome is not Outcome.LATE


@pytest.mark.parametrize(
    "event",
    [
        ReplyReady(1),
        ReplyWritten(1, 1, 1, ends_call=True),
        ReplyFailed(1, "synthesis", "it broke"),
        PlaybackStarted(1),
        SoundQueued(1, 0, 2.0),
        PlaybackFinished(1),
    ],
)
def test_an_event_of_a_replaced_reply_is_late(event: Event) -> None:
    call = call_in("speaking.opening")
    after = call.on(event)
    assert (after.outcome, after.data) == (Outcome.LATE, call.data)
    assert after.configuration == call.configuration


def test_the_heard_words_of_a_replaced_reply_are_not_late() -> None:
    after = call_in("speaking.opening").on(PlaybackStopped(1, "Hello,"))
    assert after.outcome is Outcome.STAYED
    assert after.data.history == (Said("agent", "Hello,", 1),)


@pytest.mark.parametrize("event", [SpeechStarted(1), CallerHungUp()])
def test_the_first_and_the_last_events_of_a_call_are_never_late(event: Event) -> None:
    after = call_in("speaking.chunks", answered=3).on(event)
    assert after.outcome is Outcome.TAKEN
