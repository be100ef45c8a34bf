"""Fake voice detection and recognition: all sound is voice, and the sound identifies the words.

The fake sound of a caller contains its number, and the recognizer knows the words of each number.
So it hears exactly the sound that came down the line, in any number of calls at a time.
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
#: The bytes that contain a whole block at any offset.
_BLOCK_BYTES = 2 * (2 * BLOCK - 1)


class FakeVoiceDetectors:
    """`callchart.engine.ports.VoiceDetectors`: a frame is speech if any sample is not zero."""

    def __init__(self) -> None:
        #: The number of calls that use it now.
        self.in_use = 0

    @asynccontextmanager
    async def detector(self, rate_hz: int) -> AsyncIterator[FakeVoiceActivity]:
        self.in_use += 1
        try:
            yield FakeVoiceActivity(rate_hz)
        finally:
            self.in_use -= 1


class FakeVoiceActivity:
    """Detects an edge when the frame after it is complete, so the lag is one frame."""

    def __init__(self, rate_hz: int) -> None:
        self._frame = frame_bytes(rate_hz)
        self._speaking = False

    def detect_edges(self, pcm: bytes) -> Sequence[VoiceEdge]:
        edges: list[VoiceEdge] = []
        if not self._speaking and pcm.count(0) == len(pcm):
            return edges  # the most frequent case
        for begin in range(0, len(pcm), self._frame):
            speaking = pcm.count(0, begin, begin + self._frame) < self._frame
            if speaking is not self._speaking:
                self._speaking = speaking
                edges.append(VoiceEdge(speaking, FRAME_SECONDS))
        return edges


@dataclass(frozen=True, slots=True)
class Spoken:
    """The words of a caller, and the results of a recognizer for them. An empty text is a noise.

    `partials` are (seconds after the detected onset, text): by default the first half of the words
    after 0.3 s. `finals` are (seconds after the detected end, text): by default the text, after the
    latency of the recognizer. `heard_out` is the time from the detected end to the recognizer's own
    `EndOfUtterance`, in seconds; None if it sends none. `fails` is a reason: the recognizer fails
    with it instead of a final."""

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
    """`callchart.engine.ports.Recognizer`: knows the words of callers in advance.

    `latency` is the time from the end of an utterance to its final, in seconds. With a reason in
    `fails_to_open`, no call can open a recognition."""

    latency: float = 0.0
    fails_to_open: str | None = None
    #: The number of calls that use it now.
    in_use: int = field(default=0, init=False)
    _spoken: list[Spoken] = field(default_factory=list, init=False)
    _open: list[FakeRecognition] = field(default_factory=list, init=False)

    def knows(self, spoken: Spoken) -> int:
        """Learn an utterance, and return the number of the sound for it."""
        self._spoken.append(spoken)
        return len(self._spoken)

    def spoken(self, sound: int) -> Spoken:
        """Return the utterance of a sound by its number, or a noise for an unknown number."""
        return self._spoken[sound - 1] if 0 < sound <= len(self._spoken) else Spoken("")

    def fail(self, reason: str) -> None:
        """Make the recognition of every call fail now."""
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
    """The recognition of one call. Results wait in a heap until they are due, without a task."""

    def __init__(self, recognizer: FakeRecognizer) -> None:
        self._recognizer = recognizer
        #: The number of the last sound.
        self._heard = 0
        self._current = Spoken("")
        self._results: list[_Result] = []
        self._count = 0
        self._changed = trio.lowlevel.ParkingLot()

    def feed_frames(self, pcm: bytes) -> None:
        # The first frame of speech comes at the end of a span; a few samples identify the sound.
        if any(pcm[-2:]):
            for piece in pieces(pcm[-_BLOCK_BYTES:]):
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
        # Drop partials that are later than the first final.
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
        """Fail with this reason."""
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
