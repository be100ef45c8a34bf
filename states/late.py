"""What speaks of something that is over and done: journalled, and not acted on."""

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


def is_over(data: CallData, event: Event) -> bool:
    """An utterance that was answered (a recogniser may split one in two), the beginning of one
    that has ended (it was deferred), or a reply that was replaced."""
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
