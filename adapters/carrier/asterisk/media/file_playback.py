"""One call's playback by files: pieces that Asterisk plays one after the other.

Theory of operation. Audio waits here until Asterisk can take a piece: one file with all the audio
that waits. Asterisk has at most two pieces, the current and the next one: so it plays without a
gap, and a flush has little to stop. A mark is an offset in a piece. It is reached that long after
Asterisk reported the start of the piece, or when Asterisk reports its end. No I/O here."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_PIECES: Final = 2


@dataclass(slots=True, eq=False)
class PlaybackPiece:
    """The audio of one file. `marks` are pairs, in order: seconds from the beginning, a mark."""

    number: int
    pcm: bytes
    seconds: float
    marks: deque[tuple[float, int]]
    #: When Asterisk started to play it, by the playback's clock. None before.
    began_s: float | None = None


class FilePlayback:
    """One call's playback at `rate_hz`, by the clock `now` (seconds)."""

    def __init__(self, rate_hz: int, now: Callable[[], float]) -> None:
        self._bytes_per_s, self._now = rate_hz * 2, now
        self._waiting = bytearray()
        self._marks: deque[tuple[float, int]] = deque()
        self._under_way: deque[PlaybackPiece] = deque()
        self._pieces = 0
        #: Marks that are reached and not returned yet.
        self._reached: list[int] = []

    def play(self, pcm: bytes) -> None:
        """Append whole frames."""
        self._waiting += pcm

    def mark(self, mark: int) -> None:
        if self._waiting:
            self._marks.append((len(self._waiting) / self._bytes_per_s, mark))
        elif self._under_way:
            last = self._under_way[-1]
            last.marks.append((last.seconds, mark))
        else:
            self._reached.append(mark)

    def flush(self) -> list[PlaybackPiece]:
        """Drop everything, and return the pieces that were under way."""
        dropped = list(self._under_way)
        self._waiting.clear()
        self._marks.clear()
        self._under_way.clear()
        self._reached.clear()
        return dropped

    def next(self) -> PlaybackPiece | None:
        """Return the next piece for Asterisk, or None if nothing waits or two are under way."""
        if not self._waiting or len(self._under_way) == MAX_PIECES:
            return None
        self._pieces += 1
        pcm = bytes(self._waiting)
        piece = PlaybackPiece(self._pieces, pcm, len(pcm) / self._bytes_per_s, self._marks)
        self._under_way.append(piece)
        self._waiting.clear()
        self._marks = deque()
        return piece

    def started(self, number: int) -> None:
        """Record that Asterisk starts to play a piece."""
        for piece in self._under_way:
            if piece.number == number:
                piece.began_s = self._now()

    def finished(self, number: int) -> list[PlaybackPiece]:
        """Record that Asterisk has played a piece. Return it, with earlier pieces still under way.

        Return no pieces if it was flushed."""
        if not any(piece.number == number for piece in self._under_way):
            return []
        played = []
        while self._under_way and self._under_way[0].number <= number:
            piece = self._under_way.popleft()
            self._reached += [mark for _, mark in piece.marks]
            played.append(piece)
        return played

    @property
    def due_s(self) -> float:
        """When the clock reaches the next mark; inf without one. An event may reach it earlier."""
        if self._reached:
            return -math.inf
        first = self._under_way[0] if self._under_way else None
        if first is None or first.began_s is None or not first.marks:
            return math.inf
        return first.began_s + first.marks[0][0]

    def reached(self) -> list[int]:
        """Return the marks that were reached since the last call, in order."""
        first = self._under_way[0] if self._under_way else None
        if first is not None and first.began_s is not None:
            while first.marks and first.began_s + first.marks[0][0] <= self._now():
                self._reached.append(first.marks.popleft()[1])
        reached, self._reached = self._reached, []
        return reached
