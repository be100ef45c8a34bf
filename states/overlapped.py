"""The caller speaks over a reply that still plays. A short noise does not stop the reply."""

from __future__ import annotations

from callchart.engine.chart import State, Update, ignore, to
from callchart.engine.events import (
    FinalHeard,
    PlaybackFinished,
    PlaybackStarted,
    SpeechEnded,
    SpeechStarted,
)
from callchart.states.hearing import add_words, mark_interrupted, note_speech_ended, takes_the_turn
from callchart.states.replies import callers_turn_is_next, reset_apologies
from callchart.states.settings import settings


def overlapped(back: str, update: Update) -> State:
    """Return a child for a state that plays.

    A short noise leads to the state `back`. A barge-in runs `update`."""
    return State(
        "overlapped",
        __doc__,
        role="overlapped",
        on={
            SpeechStarted: ignore("the caller already speaks"),
            SpeechEnded: to(back, update=note_speech_ended),
            PlaybackStarted: ignore("the caller spoke after the first sound"),
            # The caller still speaks, and no second `SpeechStarted` will come.
            PlaybackFinished: to(
                "listening.hearing", update=reset_apologies, when=callers_turn_is_next
            ),
            FinalHeard: to(
                "listening.hearing", update=[add_words, mark_interrupted], when=takes_the_turn
            ),
        },
        after={"barge_in_speech": (settings.barge_in_speech, to("barged_in", update=update))},
    )
