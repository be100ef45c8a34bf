"""What the engine needs of the world, as Protocols: owned here, as small as their user needs.

Audio is mono s16le at one rate a call (`Line.rate_hz`), in whole frames of 20 ms
(`frame_bytes(rate)`: 640 bytes at 16 kHz). Adapters convert at their own edge.

Two forms are used throughout. A *command* is a plain `def`: it hands something over and returns at
once; what comes of it is an event. A *job* is an `async def` that ends when its work does, and
whose cancellation ends it at once and leaves nothing behind. A job that yields many things takes a
callable for them instead of being an async generator: a generator that is dropped half-way is
closed at some later time, and late is what this project is against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from callchart.engine.data import Parties, Said, ToolUsed

FRAME_SECONDS = 0.02


def frame_bytes(rate_hz: int) -> int:
    """20 ms of mono s16le at `rate_hz`: 640 bytes at 16 kHz, 320 at 8 kHz."""
    return rate_hz // 50 * 2


class ProviderError(Exception):
    """A provider (recogniser, synthesizer, model) could not do its work.

    `provider` names it, `reason` says what happened, `cure` what the operator can do."""

    def __init__(self, provider: str, reason: str, cure: str = "") -> None:
        super().__init__(f"{provider}: {reason}" + (f" ({cure})" if cure else ""))
        self.provider, self.reason, self.cure = provider, reason, cure


class LineGone(Exception):
    """The line is closed; nothing can be sent or heard any more."""


# --- the line --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MarkReached:
    """Playback reached the mark: everything sent before it was heard."""

    mark: int


@dataclass(frozen=True, slots=True)
class RemoteHungUp:
    """The other side hung up; the line closes."""

    cause: str = "normal"


@dataclass(frozen=True, slots=True)
class Closed:
    """The line is closed, by whichever side; the last signal of a line."""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The other side pressed a key: one of 0-9, A-D, * and #."""

    digit: str


@dataclass(frozen=True, slots=True)
class TransferDone:
    """The other side was handed on; the line closes."""


@dataclass(frozen=True, slots=True)
class TransferRefused:
    """A transfer was not possible, or not allowed; the line is as it was."""

    reason: str


Signal = MarkReached | RemoteHungUp | DigitPressed | TransferDone | TransferRefused | Closed


class Line(Protocol):
    """One phone call's leg, as a carrier gives it to us.

    Playback behaves as a carrier's media does: it takes bursts, paces them itself, reports marks
    when they are *reached*, and forgets queue and marks without a word on `flush`. Once the line
    is closed, commands do nothing."""

    @property
    def rate_hz(self) -> int:
        """Samples a second, both ways; 8000 or 16000."""
        ...

    @property
    def call_id(self) -> str:
        """The carrier's own id of this call."""
        ...

    @property
    def parties(self) -> Parties:
        """Who phones whom."""
        ...

    def answer(self) -> None:
        """Pick up. Doing it twice is doing it once."""
        ...

    def hang_up(self) -> None:
        """End the call; `Closed` follows. Doing it twice is doing it once."""
        ...

    def play(self, pcm: bytes) -> None:
        """Append whole frames to the playback queue. The caller of this bounds the backlog."""
        ...

    def mark(self, mark: int) -> None:
        """Ask for `MarkReached(mark)` when all that was played before it was heard."""
        ...

    def flush(self) -> None:
        """Drop what is queued, marks included; nothing of it is heard any more."""
        ...

    def send_digits(self, digits: str) -> None:
        """Press keys (0-9, A-D, *, #) on our side, in order, beside what is played."""
        ...

    def transfer(self, target: str) -> None:
        """Hand the other side on to `target`, without asking there first (a blind transfer).

        `TransferDone` or `TransferRefused` follows, unless the line closes before it."""
        ...

    async def hear(self) -> bytes:
        """The caller's next audio: one or more whole frames, in real time. Raises `LineGone`."""
        ...

    async def signal(self) -> Signal:
        """The next signal, in order. After `Closed` there is none: raises `LineGone`."""
        ...


class Carrier(Protocol):
    """Where calls come from."""

    async def accept(self) -> Line:
        """The next incoming call. Raises `LineGone` when there will be none any more."""
        ...


# --- hearing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VoiceEdge:
    """Speech begins (`speaking`) or ends, decided at the end of the frames given.

    `lag` is how long ago, in seconds, the edge was in the audio itself."""

    speaking: bool
    lag: float = 0.0


class VoiceActivity(Protocol):
    """Says when the caller speaks. One instance hears one call.

    It keeps only the constants of its signal (at most 100 ms of hangover): how much silence ends
    a turn is decided by the chart."""

    def feed(self, pcm: bytes) -> Sequence[VoiceEdge]:
        """Whole frames in, edges out. Synchronous, well below a frame's time of CPU."""
        ...


class VoiceDetectors(Protocol):
    """A supply of voice detectors, which may be dear to build: built off the loop, and reused."""

    def detector(self, rate_hz: int) -> AbstractAsyncContextManager[VoiceActivity]:
        """A detector for one call, fresh (no memory of another call), for as long as the block."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """A recogniser's result for one utterance: a partial, or its final."""

    utterance: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class EndOfUtterance:
    """The recogniser itself takes this utterance to be over: by its sound, its words, or both."""

    utterance: int


class Recognition(Protocol):
    """One call's recogniser. Hears every frame, is told where utterances begin and end."""

    def feed(self, pcm: bytes) -> None:
        """Whole frames. It keeps what it needs from before an utterance's (late found) onset."""
        ...

    def utterance_started(self, utterance: int) -> None:
        """The voice detector heard an onset; the frames of it were fed already."""
        ...

    def utterance_ended(self, utterance: int) -> None:
        """The voice detector heard the end; exactly one final is owed for this utterance."""
        ...

    async def result(self) -> Heard | EndOfUtterance:
        """The next partial or final, or an end that it heard itself: one an utterance at most,
        before its final or after it, and none from a recogniser that does not tell. Raises
        `ProviderError` when it cannot go on."""
        ...


class Recognizer(Protocol):
    """Turns speech into text."""

    def recognition(self, rate_hz: int) -> AbstractAsyncContextManager[Recognition]:
        """A recogniser for one call. Entering may raise `ProviderError`."""
        ...


# --- speaking --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WordTiming:
    """A word's place in the text's own sound, in seconds from the sound's beginning."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of synthesised sound: s16le at the rate asked for, not necessarily whole frames.

    `words` are the timings known so far, counted from the beginning of the whole sound; a
    synthesizer that knows none leaves them empty, and heard words are then found by share of
    characters."""

    pcm: bytes
    words: tuple[WordTiming, ...] = ()


class Synthesizer(Protocol):
    """Turns text into sound."""

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """A job: gives `out` the sound of `text`, in order, as early as it is there.

        Raises `ProviderError`. A text with nothing to speak gives no sound and is no error."""
        ...


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model is told of it. `parameters` is the JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, object]


class Tools(Protocol):
    """What the model may use while it writes one answer."""

    @property
    def specs(self) -> Sequence[ToolSpec]:
        """All of them. None has the name of another."""
        ...

    async def use(self, name: str, arguments: str) -> str | None:
        """Use a tool, and wait for its result, as the model is to read it. Never raises.

        `arguments` is JSON, as the model wrote it. A tool that there is not, arguments that do not
        fit, a tool that failed or was late: the result says so. None: the answer ends here, and
        nothing more is to be written (the call ends, or the caller is handed on)."""
        ...


class LanguageModel(Protocol):
    """Writes the answers."""

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        """A job: gives `out` the answer's text in pieces as it is written.

        `history` is what was really said, heard and done; of what was said, the caller's is the
        last. Tools are used one after the other, in the order in which the model asked, each when
        all text before it was given out. Raises `ProviderError`."""
        ...


# --- looking on ------------------------------------------------------------------------------


class Journal(Protocol):
    """Keeps one call's record: its head, then a line for each macrostep, before its effects."""

    def write(self, line: dict[str, object]) -> None:
        """One JSON object. Must not raise for a full disk: it says so once and drops lines."""
        ...

    def close(self) -> None:
        """No more lines. Closing twice is closing once."""
        ...


class OutsideWork(Protocol):
    """Told when work begins outside of Trio's sight (a process, a socket), and when it ends.

    A clock that jumps must stand still meanwhile; on a real clock nothing happens."""

    def begin(self) -> None: ...

    def end(self) -> None: ...
