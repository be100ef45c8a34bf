"""Late events, about a finished utterance or a replaced reply: they are only journalled."""

from __future__ import annotations

from callchart.engine.data import CallData
from callchart.engine.events import (
    EndOfUtteranceHeard,
    Event,
    FinalHeard,
    PartialHeard,
    PlaybackFinished,
    PlaybackStarted,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
    SoundQueued,
    SpeechEnded,
    SpeechStarted,
)


def is_late(data: CallData, event: Event) -> bool:
    """Return True if the event is about an answered utterance or a replaced reply.

    A second final of an answered utterance is late. A deferred start of an utterance that has ended
    meanwhile is late, too."""
    match event:
        case SpeechStarted():
            return event.utterance <= data.ended
        case PartialHeard() | FinalHeard() | EndOfUtteranceHeard() | SpeechEnded():
            return event.utterance <= data.answered
        case ReplyReady() | ReplyWritten() | ReplyFailed():
            return event.reply != data.reply.number
        case PlaybackStarted() | SoundQueued() | PlaybackFinished():
            return event.reply != data.reply.number
        case _:
            return False
