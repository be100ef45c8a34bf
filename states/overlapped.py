"""The caller speaks over a reply, which still plays: a short noise leaves it playing."""

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
from callchart.states.replies import leads_to_nothing, note_said
from callchart.states.settings import settings


def overlapped(back: str, update: Update) -> State:
    """A child of a state that plays; a noise leads `back`, `update` goes with a barge-in."""
    return State(
        "overlapped",
        __doc__,
        role="overlapped",
        on={
            SpeechStarted: ignore("they are speaking already"),
            SpeechEnded: to(back, update=note_speech_ended),
            PlaybackStarted: ignore("something of it was heard before they spoke"),
            # They are no caller who is silent: no other sign of their speaking will come.
            PlaybackFinished: to("listening.hearing", update=note_said, when=leads_to_nothing),
            FinalHeard: to(
                "listening.hearing", update=[add_words, mark_interrupted], when=takes_the_turn
            ),
        },
        after={"barge_in_speech": (settings.barge_in_speech, to("barged_in", update=update))},
    )
