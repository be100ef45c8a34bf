"""Fakes that hear: voice is whatever is not silence, and the words are read off the caller's sound.

A caller's fake sound holds its number, and the recogniser has what was said under that number. So
it hears what truly came down the line, in any number of calls at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import trio

from callchart.engine.ports import (
    FRAME_SECONDS,
    EndOfUtterance,
    Heard,
    ProviderError,
    VoiceEdge,
    frame_bytes,
)
from callchart.engine.testing.sound import BLOCK, pieces

RECOGNIZER = "fake recognizer"
#: Bytes that hold a whole block, wherever they begin.
_NAMING = 2 * (2 * BLOCK - 1)


class FakeVoiceDetectors:
    """`callchart.engine.ports.VoiceDetectors`: a frame with a sample that is not zero is speech."""

    def __init__(self) -> None:
        #: How many calls are being heard.
        self.in_use = 0

    @asynccontextmanager
    async def detector(self, rate_hz: int) -> AsyncIterator[FakeVoiceActivity]:
        self.in_use += 1
        try:
            yield FakeVoiceActivity(rate_hz)
        finally:
            self.in_use -= 1


class FakeVoiceActivity:
    """Knows an edge when the frame behind it is over: its lag is that frame."""

    def __init__(self, rate_hz: int) -> None:
        self._frame = frame_bytes(rate_hz)
        self._speaking = False

    def feed(self, pcm: bytes) -> Sequence[VoiceEdge]:
        edges: list[VoiceEdge] = []
        if not self._speaking and pcm.count(0) == len(pcm):
            return edges  # by far the most frequent case
        for begin in range(0, len(pcm), self._frame):
            speaking = pcm.count(0, begin, begin + self._frame) < self._frame
            if speaking is not self._speaking:
                self._speaking = speaking
                edges.append(VoiceEdge(speaking, FRAME_SECONDS))
        return edges


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a caller says, and what a recogniser makes of it. Empty text is a noise.

    `partials` come so many seconds after the onset was found (before a final does): by
    default its first half after 0.3 s. `finals` come so many seconds after the end was found: by
    default the text, after the recogniser's latency. `heard_out`: so long after the end the
    recogniser itself says that it was one; None: never. `fails`: it gives up instead."""

    text: str
    partials: tuple[tuple[float, str], ...] | None = None
    finals: tuple[tuple[float, str], ...] | None = None
    heard_out: float | None = None
    fails: str | None = None

    def partials_or_default(self) -> tuple[tuple[float, str], ...]:
        words = self.text.split()
        half = " ".join(words[: (len(words) + 1) // 2])
        return (((0.3, half),) if half else ()) if self.partials is None else self.partials


@dataclass
class FakeRecognizer:
    """`callchart.engine.ports.Recognizer`: knows by heart what callers say.

    `latency` is the seconds from an utterance's end to its final. Set `fails_to_open` to a reason
    for a recogniser that a call cannot even begin with."""

    latency: float = 0.0
    fails_to_open: str | None = None
    #: How many calls are being heard.
    in_use: int = field(default=0, init=False)
    _spoken: list[Spoken] = field(default_factory=list, init=False)
    _open: list[FakeRecognition] = field(default_factory=list, init=False)

    def knows(self, spoken: Spoken) -> int:
        """From now on it understands this; the number of the sound that says it."""
        self._spoken.append(spoken)
        return len(self._spoken)

    def spoken(self, sound: int) -> Spoken:
        """What the sound of that number says; a noise where that is not known."""
        return self._spoken[sound - 1] if 0 < sound <= len(self._spoken) else Spoken("")

    def fail(self, reason: str) -> None:
        """Every call's recognition breaks off now."""
        for recognition in self._open:
            recognition.fail(reason)

    @asynccontextmanager
    async def recognition(self, rate_hz: int) -> AsyncIterator[FakeRecognition]:
        if self.fails_to_open is not None:
            raise ProviderError(RECOGNIZER, self.fails_to_open)
        recognition = FakeRecognition(self)
        self.in_use += 1
        self._open.append(recognition)
        try:
            yield recognition
        finally:
            self.in_use -= 1
            self._open.remove(recognition)


@dataclass(order=True, slots=True)
class _Result:
    at: float
    order: int
    what: Heard | EndOfUtterance | ProviderError = field(compare=False)


class FakeRecognition:
    """One call's: results lie in a heap until they are due, and no task waits for them."""

    def __init__(self, recognizer: FakeRecognizer) -> None:
        self._recognizer = recognizer
        self._heard = 0  # the sound that was heard last
        self._current = Spoken("")
        self._results: list[_Result] = []
        self._count = 0
        self._changed = trio.lowlevel.ParkingLot()

    def feed(self, pcm: bytes) -> None:
        # An onset is given with its first frame at the end; a few samples are enough to name it.
        if any(pcm[-2:]):
            for piece in pieces(pcm[-_NAMING:]):
                self._heard = piece.sound

    def utterance_started(self, utterance: int) -> None:
        self._current = self._recognizer.spoken(self._heard)
        for after, text in self._current.partials_or_default():
            self._promise(after, Heard(utterance, text, final=False))

    def utterance_ended(self, utterance: int) -> None:
        spoken, self._heard = self._current, 0
        finals = spoken.finals
        if finals is None:
            finals = ((self._recognizer.latency, spoken.text),)
        # A partial that would have come later is overtaken by the final.
        last = trio.current_time() + min((after for after, _ in finals), default=0.0)
        self._results = [result for result in self._results if result.at <= last or _final(result)]
        heapify(self._results)
        if spoken.fails is not None:
            self.fail(spoken.fails)
            return
        for after, text in finals:
            self._promise(after, Heard(utterance, text, final=True))
        if spoken.heard_out is not None:
            self._promise(spoken.heard_out, EndOfUtterance(utterance))

    def fail(self, reason: str) -> None:
        """Break off."""
        self._promise(0.0, ProviderError(RECOGNIZER, reason))

    async def result(self) -> Heard | EndOfUtterance:
        await trio.lowlevel.checkpoint()
        while not self._results or self._results[0].at > trio.current_time():
            deadline = self._results[0].at if self._results else float("inf")
            with trio.CancelScope(deadline=deadline):
                await self._changed.park()
        what = heappop(self._results).what
        if isinstance(what, ProviderError):
            raise what
        return what

    def _promise(self, after: float, what: Heard | EndOfUtterance | ProviderError) -> None:
        self._count += 1
        heappush(self._results, _Result(trio.current_time() + after, self._count, what))
        self._changed.unpark_all()


def _final(result: _Result) -> bool:
    return not (isinstance(result.what, Heard) and not result.what.final)
