"""The ports of the engine, as Protocols: all that it needs from carriers and providers.

Audio is mono s16le at one rate for each call (`Line.rate_hz`), in whole frames of 20 ms
(`frame_bytes(rate)`: 640 bytes at 16 kHz). Adapters convert to and from other formats.

Methods have two forms. A *command* is a plain `def`: it hands something over and returns without
waiting; its result is an event. A *job* is an `async def`: it returns when its work is done, and a
cancelled job stops immediately and leaves nothing behind. A job with many results passes them to a
callable. An async generator would be worse: Python may close an unfinished one much later.
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
    """Return the bytes in 20 ms of mono s16le: 640 at 16 kHz, 320 at 8 kHz."""
    return rate_hz // 50 * 2


class ProviderError(Exception):
    """A failure of a provider: a recogniser, a synthesizer or a model.

    `provider` is its name, `reason` says what happened, and `cure` what the operator can do."""

    def __init__(self, provider: str, reason: str, cure: str = "") -> None:
        super().__init__(f"{provider}: {reason}" + (f" ({cure})" if cure else ""))
        self.provider, self.reason, self.cure = provider, reason, cure


class LineGone(Exception):
    """The line is closed: it neither takes nor gives audio."""


# --- the line --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MarkReached:
    """Playback reached the mark: the other side heard everything that was sent before it."""

    mark: int


@dataclass(frozen=True, slots=True)
class RemoteHungUp:
    """The other side hung up; the line closes."""

    cause: str = "normal"


@dataclass(frozen=True, slots=True)
class Closed:
    """Either side closed the line. This is a line's last signal."""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The other side pressed a key: one of 0-9, A-D, * and #."""

    digit: str


@dataclass(frozen=True, slots=True)
class TransferDone:
    """The carrier transferred the other side; the line closes."""


@dataclass(frozen=True, slots=True)
class TransferRefused:
    """A transfer was impossible or not allowed. The line stays as it was."""

    reason: str


Signal = MarkReached | RemoteHungUp | DigitPressed | TransferDone | TransferRefused | Closed


class Line(Protocol):
    """One phone call, as a carrier gives it to the engine.

    The line queues bursts of audio and plays them in real time. It reports a mark when playback
    *reaches* it. `flush` drops the queue and its marks without a report. On a closed line, commands
    do nothing."""

    @property
    def rate_hz(self) -> int:
        """Samples per second, in both directions: 8000 or 16000."""
        ...

    @property
    def call_id(self) -> str:
        """The carrier's id of this call."""
        ...

    @property
    def parties(self) -> Parties:
        """The two parties of the call."""
        ...

    def answer(self) -> None:
        """Pick up. Do nothing the second time."""
        ...

    def hang_up(self) -> None:
        """End the call; `Closed` follows. Do nothing the second time."""
        ...

    def play(self, pcm: bytes) -> None:
        """Append whole frames to the playback queue. The engine limits the backlog."""
        ...

    def mark(self, mark: int) -> None:
        """Ask for `MarkReached(mark)` when the other side has heard all audio before it."""
        ...

    def flush(self) -> None:
        """Drop the playback queue with its marks; the other side hears no more of it."""
        ...

    def send_digits(self, digits: str) -> None:
        """Press keys (0-9, A-D, *, #) on our side, in order. Playback goes on."""
        ...

    def transfer(self, target: str) -> None:
        """Transfer the other side to `target`, without asking there first (a blind transfer).

        `TransferDone` or `TransferRefused` follows, unless the line closes first."""
        ...

    async def receive_audio(self) -> bytes:
        """Return the caller's next audio: whole frames, in real time.

        Raises `LineGone` when the line is closed."""
        ...

    async def signal(self) -> Signal:
        """Return the next signal. Raises `LineGone` after `Closed`."""
        ...


class Carrier(Protocol):
    """The source of calls."""

    async def accept(self) -> Line:
        """Return the next incoming call. Raises `LineGone` when no more will come."""
        ...


# --- hearing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VoiceEdge:
    """The beginning (`speaking`) or the end of speech, found at the end of the given frames.

    `lag_s` is the time from the edge in the audio to this decision."""

    speaking: bool
    lag_s: float = 0.0


class VoiceActivity(Protocol):
    """A voice activity detector of one call.

    It bridges gaps of at most 100 ms (its hangover). The chart decides how much silence ends a
    turn."""

    def detect_edges(self, pcm: bytes) -> Sequence[VoiceEdge]:
        """Take whole frames, and return the edges found, far faster than in real time."""
        ...


class VoiceDetectors(Protocol):
    """A pool of voice detectors: costly ones are built outside Trio's loop, and used again."""

    def detector(self, rate_hz: int) -> AbstractAsyncContextManager[VoiceActivity]:
        """Lend a detector to one call for an `async with` block, free of state of earlier calls."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """A recogniser's result for one utterance: a partial, or its final."""

    utterance: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class EndOfUtterance:
    """The recogniser decides, by sound or words, that this utterance has ended."""

    utterance: int


class Recognition(Protocol):
    """One call's recogniser. It gets every frame, and where utterances begin and end."""

    def feed_frames(self, pcm: bytes) -> None:
        """Take whole frames. Keep some: the detector finds an onset only after its first frames."""
        ...

    def utterance_started(self, utterance: int) -> None:
        """Begin an utterance: the detector found its onset in earlier frames."""
        ...

    def utterance_ended(self, utterance: int) -> None:
        """End an utterance: the detector found its end. Exactly one final must follow."""
        ...

    async def result(self) -> Heard | EndOfUtterance:
        """Return the next partial, final, or end of an utterance.

        An end is the recogniser's own decision. It comes at most once for an utterance, before or
        after its final; many recognisers send none. Raises `ProviderError` when the recogniser
        cannot go on."""
        ...


class Recognizer(Protocol):
    """A provider that turns speech into text."""

    def recognition(self, rate_hz: int) -> AbstractAsyncContextManager[Recognition]:
        """Open a recogniser for one call. Entering it may raise `ProviderError`."""
        ...


# --- speaking --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WordTiming:
    """A word's place in the sound of its text, in seconds from the beginning of the sound."""

    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of synthesised sound: s16le at the requested rate, of any length in whole samples.

    `words` are the timings known so far, counted from the beginning of the whole sound. A
    synthesizer without timings leaves them empty; the engine then estimates the heard words from
    the number of characters."""

    pcm: bytes
    words: tuple[WordTiming, ...] = ()


class Synthesizer(Protocol):
    """A provider that turns text into sound."""

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """Pass the sound of `text` to `out`, in order, each piece as early as possible. A job.

        A text without words may give no sound. Raises `ProviderError`."""
        ...


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """The description of a tool for the model. `parameters` is the JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, object]


class Tools(Protocol):
    """The tools that the model may use while it writes one answer."""

    @property
    def specs(self) -> Sequence[ToolSpec]:
        """All tools; their names are unique."""
        ...

    async def use(self, name: str, arguments: str) -> str | None:
        """Use a tool, and return its result for the model. Never raises.

        `arguments` is JSON, as the model wrote it. The result also reports an unknown tool, invalid
        arguments, a failure or a timeout. After None the model must write no more, because the call
        ends or is transferred."""
        ...


class LanguageModel(Protocol):
    """A provider that writes the answers."""

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        """Pass the text of an answer to `out`, piece by piece as the model writes it. A job.

        `history` holds the words that were said and heard, and the tools that were used; its last
        words are the caller's. Tools run one after the other, in the order of the model's requests,
        each after the text before it has been passed on. Raises `ProviderError`."""
        ...


# --- observers -------------------------------------------------------------------------------


class Journal(Protocol):
    """The record of one call: a head, then a line for each macrostep, before its effects run."""

    def write(self, line: dict[str, object]) -> None:
        """Write one JSON object. If that fails, report it once and drop the lines; do not raise."""
        ...

    def close(self) -> None:
        """End the journal. Do nothing the second time."""
        ...


class OutsideWork(Protocol):
    """A counter of work that Trio cannot see (in a process, at a socket), for a virtual clock.

    A virtual clock stands still from `begin` to `end`. On the real clock, both do nothing."""

    def begin(self) -> None: ...

    def end(self) -> None: ...
