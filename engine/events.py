"""Every event a call can see. An event is a fact that has happened, never a command.

An event says where it can come from: `OUTSIDE` (the line, the recogniser's adapter, the operator)
or one activity by name. The chart uses that to know where an event can arrive, and refuses to
build where nothing answers it. Fields are JSON's own types, so that a journal can hold them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events."""

    origin: ClassVar[str] = OUTSIDE
    #: Fields that hold what a person said; a redacted journal blanks them.
    words: ClassVar[tuple[str, ...]] = ()


# --- the call itself -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallStarted(Event):
    """The first event of every call: it enters the initial states. No state answers it."""


@dataclass(frozen=True, slots=True)
class TimerFired(Event):
    """A state's `after` is due. Comes from the configuration's timers, never from the mailbox."""

    state: str
    timer: str


# --- the line --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallerHungUp(Event):
    """The other side ended the call."""

    cause: str = "normal"


@dataclass(frozen=True, slots=True)
class LineClosed(Event):
    """The line is gone: nothing can be heard or said any more."""


@dataclass(frozen=True, slots=True)
class DigitReceived(Event):
    """The other side pressed a key: one of 0-9, A-D, * and # (DTMF)."""

    words: ClassVar[tuple[str, ...]] = ("digit",)
    digit: str


@dataclass(frozen=True, slots=True)
class CallTransferred(Event):
    """The other side was handed on (`effects.TransferCall`); the line closes."""


@dataclass(frozen=True, slots=True)
class TransferFailed(Event):
    """A transfer was not possible, or not allowed; the call goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class HangUpRequested(Event):
    """The operator, or the service as it drains, wants this call to end."""

    reason: str


# --- the activity `hear`: voice activity and recognition, for as long as the call lasts --------


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    """The caller began to speak. `utterance` counts from 1."""

    origin: ClassVar[str] = "hear"
    utterance: int


@dataclass(frozen=True, slots=True)
class SpeechEnded(Event):
    """The caller fell silent (how long a silence ends a turn is the chart's to say)."""

    origin: ClassVar[str] = "hear"
    utterance: int


@dataclass(frozen=True, slots=True)
class PartialHeard(Event):
    """What the recogniser makes of an utterance so far. May still change."""

    origin: ClassVar[str] = "hear"
    words: ClassVar[tuple[str, ...]] = ("text",)
    utterance: int
    text: str


@dataclass(frozen=True, slots=True)
class FinalHeard(Event):
    """What the caller said. Empty when the sound was no words."""

    origin: ClassVar[str] = "hear"
    words: ClassVar[tuple[str, ...]] = ("text",)
    utterance: int
    text: str


@dataclass(frozen=True, slots=True)
class EndOfUtteranceHeard(Event):
    """The recogniser itself takes the utterance to be over. Not every recogniser says so."""

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
    """The first sound of a reply is there to be played."""

    origin: ClassVar[str] = "reply"
    reply: int


@dataclass(frozen=True, slots=True)
class ReplyWritten(Event):
    """The whole text of a reply is known; its synthesis may still be under way.

    `chunks` is how many pieces it was cut into, `marked` how many of the cuts were the model's
    own "|". `ends_call`: the model asked to hang up once this is said. `transfer_to`: it asked to
    hand the caller on to there, or "". `first_chunk`: seconds from when the model was asked to its
    first piece that can be spoken; None where it wrote none. `bridges`: how many of the pieces
    only ask the caller for a moment."""

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
    """A provider failed; what was written before it can still be played: its sound is there.

    `stage` is "text" or "synthesis"."""

    origin: ClassVar[str] = "reply"
    reply: int
    stage: str
    reason: str


# --- the user's tools: never stale, because what was done was done -----------------------------


@dataclass(frozen=True, slots=True)
class ToolUnderWay(Event):
    """The model began to use a tool that finishes, within `seconds`, also when its reply is over.

    `use` counts the call's uses, from 1. `arguments` is JSON, as the model wrote it."""

    words: ClassVar[tuple[str, ...]] = ("arguments",)
    use: int
    name: str
    arguments: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ToolFinished(Event):
    """The use of a tool is over; `result` is what the model reads, also where it failed."""

    words: ClassVar[tuple[str, ...]] = ("arguments", "result")
    use: int
    name: str
    arguments: str
    result: str


# --- the activity `play`: a reply's sound goes down the line, in order --------------------------


@dataclass(frozen=True, slots=True)
class PlaybackStarted(Event):
    """The first frame of a playback was heard (its mark came back), not merely sent."""

    origin: ClassVar[str] = "play"
    reply: int


@dataclass(frozen=True, slots=True)
class SoundQueued(Event):
    """`seconds` more of a chunk's sound are on their way to the line.

    Once as a chunk begins, and again where its synthesis turns out to be longer, or is `complete`:
    what the watchdog of a playback goes by."""

    origin: ClassVar[str] = "play"
    reply: int
    chunk: int
    seconds: float
    complete: bool = True


@dataclass(frozen=True, slots=True)
class PlaybackFinished(Event):
    """The last sound of the reply was heard, or there will be no more of it."""

    origin: ClassVar[str] = "play"
    reply: int


@dataclass(frozen=True, slots=True)
class PlaybackStopped(Event):
    """A playback is over, at its end or before; `heard` are the words whose end was played.

    Raised by the stop itself as the state is left, so it is never stale, and it is the one way in
    which heard words reach the history."""

    words: ClassVar[tuple[str, ...]] = ("heard",)
    reply: int
    heard: str


# --- the activity `fill`: a filler while the reply is being prepared ----------------------------


@dataclass(frozen=True, slots=True)
class FillerStarted(Event):
    """The first frame of the filler `text` was heard (its mark came back)."""

    origin: ClassVar[str] = "fill"
    text: str


@dataclass(frozen=True, slots=True)
class FillerFinished(Event):
    """The filler was heard to its end."""

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
