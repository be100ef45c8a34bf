"""What speaks of something that is over and done is written down, and not acted on."""

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
from tests.states.standing import standing


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
def test_an_utterance_that_was_answered_is_over(event: Event) -> None:
    stands = standing("speaking.chunks", answered=3)
    after = stands.on(event)
    assert (after.outcome, after.data) == (Outcome.LATE, stands.data)


@pytest.mark.parametrize(
    "event", [PartialHeard(4, "a"), FinalHeard(4, "a"), EndOfUtteranceHeard(4), SpeechEnded(4)]
)
def test_the_utterance_after_it_is_not(event: Event) -> None:
    assert standing("speaking.chunks", answered=3).on(event).outcome is not Outcome.LATE


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
def test_a_reply_that_was_replaced_is_over(event: Event) -> None:
    stands = standing("speaking.opening")
    after = stands.on(event)
    assert (after.outcome, after.data) == (Outcome.LATE, stands.data)
    assert after.configuration == stands.configuration


def test_what_was_heard_of_a_reply_that_was_replaced_is_not() -> None:
    after = standing("speaking.opening").on(PlaybackStopped(1, "Hello,"))
    assert after.outcome is Outcome.STAYED
    assert after.data.history == (Said("agent", "Hello,", 1),)


@pytest.mark.parametrize("event", [SpeechStarted(1), CallerHungUp()])
def test_a_beginning_and_the_end_of_a_call_are_never_late(event: Event) -> None:
    after = standing("speaking.chunks", answered=3).on(event)
    assert after.outcome is Outcome.TAKEN
