"""The events of a call. An event is a fact that has happened, never a command.

Each event names its origin: `OUTSIDE` (the line, a tool, the operator) or an activity. So a chart
knows in which states an event can arrive, and must have a reaction to it there. The fields have
JSON's types, for the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events."""

    origin: ClassVar[str] = OUTSIDE
    #: The names of the fields that hold a person's words; a redacted journal blanks them.
    words: ClassVar[tuple[str, ...]] = ()


# --- the call itself -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallStarted(Event):
    """The first event of every call. It enters the initial states; no state reacts to it."""


@dataclass(frozen=True, slots=True)
class TimerFired(Event):
    """A timer of a state fires. It comes from the configuration, never from the mailbox."""

    state: str
    timer: str


# --- the line --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallerHungUp(Event):
    """The other side ended the call."""

    cause: str = "normal"


@dataclass(frozen=True, slots=True)
class LineClosed(Event):
    """The line is closed: neither side hears the other."""


@dataclass(frozen=True, slots=True)
class DigitReceived(Event):
    """The other side pressed a key: one of 0-9, A-D, * and # (DTMF)."""

    words: ClassVar[tuple[str, ...]] = ("digit",)
    digit: str


@dataclass(frozen=True, slots=True)
class CallTransferred(Event):
    """The carrier transferred the other side (`effects.TransferCall`); the line closes."""


@dataclass(frozen=True, slots=True)
class TransferFailed(Event):
    """A transfer was impossible or not allowed; the call goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class HangUpRequested(Event):
    """The operator, or a service that drains, asks this call to end."""

    reason: str


# --- the activity `hear`: voice activity and recognition ----------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    """The caller began to speak. `utterance` counts from 1."""

    origin: ClassVar[str] = "hear"
    utterance: int


@dataclass(frozen=True, slots=True)
class SpeechEnded(Event):
    """The caller became silent. The chart decides how long a silence ends a turn."""

    origin: ClassVar[str] = "hear"
    utterance: int


@dataclass(frozen=True, slots=True)
class PartialHeard(Event):
    """The words of an utterance so far; they may still change."""

    origin: ClassVar[str] = "hear"
    words: ClassVar[tuple[str, ...]] = ("text",)
    utterance: int
    text: str


@dataclass(frozen=True, slots=True)
class FinalHeard(Event):
    """The final words of an utterance; "" for a sound without words."""

    origin: ClassVar[str] = "hear"
    words: ClassVar[tuple[str, ...]] = ("text",)
    utterance: int
    text: str


@dataclass(frozen=True, slots=True)
class EndOfUtteranceHeard(Event):
    """The recogniser decides that the utterance has ended. Some recognisers never send it."""

    origin: ClassVar[str] = "hear"
    utterance: int


@dataclass(frozen=True, slots=True)
class HearingFailed(Event):
    """The recogniser cannot go on in this call."""

    origin: ClassVar[str] = "hear"
    provider: str
    reason: str


# --- the activity `reply`: text, chunks and synthesis, for as long as `turn` lasts --------------


@dataclass(frozen=True, slots=True)
class ReplyReady(Event):
    """The first sound of a reply is ready to be played."""

    origin: ClassVar[str] = "reply"
    reply: int


@dataclass(frozen=True, slots=True)
class ReplyWritten(Event):
    """The whole text of a reply is known; its synthesis may still be running.

    `chunks` counts its pieces, and `marked` the cuts that the model marked with "|". `ends_call`:
    the model asked to hang up after this reply. `transfer_to`: the target to which it asked to
    transfer the caller, or "". `first_chunk`: seconds from the request to the first piece that can
    be spoken, or None if the model wrote none. `bridges` counts the pieces that only ask the caller
    for a moment."""

    origin: ClassVar[str] = "reply"
    words: ClassVar[tuple[str, ...]] = ("transfer_to",)
    reply: int
    chunks: int
    marked: int
    ends_call: bool
    transfer_to: str = ""
    first_chunk: float | None = None
    bridges: int = 0


@dataclass(frozen=True, slots=True)
class ReplyFailed(Event):
    """A provider failed. The part before the failure has its sound and can still be played.

    `stage` is "text" or "synthesis"."""

    origin: ClassVar[str] = "reply"
    reply: int
    stage: str
    reason: str


# --- the user's tools: never stale, because a tool changes things outside the call --------------


@dataclass(frozen=True, slots=True)
class ToolUnderWay(Event):
    """The model began to use a tool that takes at most `seconds`, and runs on if its reply ends.

    `use` counts the call's uses, from 1. `arguments` is JSON, as the model wrote it."""

    words: ClassVar[tuple[str, ...]] = ("arguments",)
    use: int
    name: str
    arguments: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ToolFinished(Event):
    """The use of a tool has ended. `result` is the text for the model, also after a failure."""

    words: ClassVar[tuple[str, ...]] = ("arguments", "result")
    use: int
    name: str
    arguments: str
    result: str


# --- the activity `play`: the sound of a reply, in order -----------------------------------------


@dataclass(frozen=True, slots=True)
class PlaybackStarted(Event):
    """The caller heard the first frame of a playback: its mark came back."""

    origin: ClassVar[str] = "play"
    reply: int


@dataclass(frozen=True, slots=True)
class SoundQueued(Event):
    """`seconds` more of a chunk's sound go to the line.

    It comes when a chunk begins, and again when its synthesis gives more sound or is `complete`.
    A chart can compute from it when a playback is stuck."""

    origin: ClassVar[str] = "play"
    reply: int
    chunk: int
    seconds: float
    complete: bool = True


@dataclass(frozen=True, slots=True)
class PlaybackFinished(Event):
    """The caller heard the reply to its end, as far as it has sound."""

    origin: ClassVar[str] = "play"
    reply: int


@dataclass(frozen=True, slots=True)
class PlaybackStopped(Event):
    """A playback has ended, complete or not. `heard` are the words that were played to their end.

    The effect `StopPlayback` raises it when the state is left, so it is never stale. Heard words
    reach the history only by this event."""

    words: ClassVar[tuple[str, ...]] = ("heard",)
    reply: int
    heard: str


# --- the activity `fill`: a filler while the reply is being prepared ----------------------------


@dataclass(frozen=True, slots=True)
class FillerStarted(Event):
    """The caller heard the first frame of the filler `text`: its mark came back."""

    origin: ClassVar[str] = "fill"
    text: str


@dataclass(frozen=True, slots=True)
class FillerFinished(Event):
    """The caller heard the filler to its end."""

    origin: ClassVar[str] = "fill"


EVENTS: tuple[type[Event], ...] = (
    CallerHungUp,
    LineClosed,
    DigitReceived,
    CallTransferred,
    TransferFailed,
    HangUpRequested,
    SpeechStarted,
    SpeechEnded,
    PartialHeard,
    FinalHeard,
    EndOfUtteranceHeard,
    HearingFailed,
    ReplyReady,
    ReplyWritten,
    ReplyFailed,
    ToolUnderWay,
    ToolFinished,
    PlaybackStarted,
    SoundQueued,
    PlaybackFinished,
    PlaybackStopped,
    FillerStarted,
    FillerFinished,
)
