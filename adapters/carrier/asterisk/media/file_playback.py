"""What one call's playback by files consists of: pieces that are played one behind the other.

Theory of operation. What is played waits here until Asterisk can take it as a piece: a file with
all that waits. No more than two pieces are under way, one that is heard and one behind it: Asterisk
goes from one to the next without a gap, and a flush has little to stop. A mark is a place in a
piece: it is reached when the clock says so, counted from when Asterisk said that the piece began,
or when Asterisk says that the piece is over. No I/O here."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

UNDER_WAY: Final = 2


@dataclass(slots=True, eq=False)
class Piece:
    """Sound that becomes one file. `marks` stand at seconds from its beginning, in order."""

    number: int
    pcm: bytes
    seconds: float
    marks: deque[tuple[float, int]]
    #: When Asterisk began to play it.
    began: float | None = None


class FilePlayback:
    """One call's playback at `rate_hz`, by the clock `now` (seconds)."""

    def __init__(self, rate_hz: int, now: Callable[[], float]) -> None:
        self._bytes_a_second, self._now = rate_hz * 2, now
        self._waiting = bytearray()
        self._marks: deque[tuple[float, int]] = deque()
        self._under_way: deque[Piece] = deque()
        self._pieces = 0
        #: Marks that are reached and were not told yet.
        self._reached: list[int] = []

    def play(self, pcm: bytes) -> None:
        """Append whole frames."""
        self._waiting += pcm

    def mark(self, mark: int) -> None:
        if self._waiting:
            self._marks.append((len(self._waiting) / self._bytes_a_second, mark))
        elif self._under_way:
            last = self._under_way[-1]
            last.marks.append((last.seconds, mark))
        else:
            self._reached.append(mark)

    def flush(self) -> list[Piece]:
        """Drop everything; the pieces that were under way."""
        dropped = list(self._under_way)
        self._waiting.clear()
        self._marks.clear()
        self._under_way.clear()
        self._reached.clear()
        return dropped

    def next(self) -> Piece | None:
        """A piece for Asterisk to play, if it is to be given one now."""
        if not self._waiting or len(self._under_way) == UNDER_WAY:
            return None
        self._pieces += 1
        pcm = bytes(self._waiting)
        piece = Piece(self._pieces, pcm, len(pcm) / self._bytes_a_second, self._marks)
        self._under_way.append(piece)
        self._waiting.clear()
        self._marks = deque()
        return piece

    def started(self, number: int) -> None:
        """Asterisk begins to play a piece."""
        for piece in self._under_way:
            if piece.number == number:
                piece.began = self._now()

    def finished(self, number: int) -> list[Piece]:
        """Asterisk has played a piece: those that are over by that, none if it was flushed."""
        if not any(piece.number == number for piece in self._under_way):
            return []
        over = []
        while self._under_way and self._under_way[0].number <= number:
            piece = self._under_way.popleft()
            self._reached += [mark for _, mark in piece.marks]
            over.append(piece)
        return over

    @property
    def due(self) -> float:
        """When a mark is reached, if Asterisk says nothing before."""
        if self._reached:
            return -math.inf
        first = self._under_way[0] if self._under_way else None
        if first is None or first.began is None or not first.marks:
            return math.inf
        return first.began + first.marks[0][0]

    def reached(self) -> list[int]:
        """The marks that are reached by now and were not told yet, in order."""
        first = self._under_way[0] if self._under_way else None
        if first is not None and first.began is not None:
            while first.marks and first.began + first.marks[0][0] <= self._now():
                self._reached.append(first.marks.popleft()[1])
        reached, self._reached = self._reached, []
        return reached
