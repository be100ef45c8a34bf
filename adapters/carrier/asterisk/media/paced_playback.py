"""Playback that we pace ourselves, for media that the caller hears as soon as we send them.

A frame is due every 20 ms, at deadlines that do not drift; with an empty queue it is silence. After
a stall we send the frames of its last 60 ms immediately, to refill the phone's jitter buffer. The
rest of a longer stall is a gap: the phone would drop a longer burst."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from callchart.engine.ports import FRAME_SECONDS

#: The longest part of a stall that we catch up: a phone's jitter buffer holds that much.
CATCH_UP_SECONDS: Final = 0.06


class PacedPlayback:
    """A queue of frames and marks, paced by the clock `now` (seconds)."""

    def __init__(self, frame_bytes: int, now: Callable[[], float]) -> None:
        self._frame_bytes, self._now = frame_bytes, now
        self._silence = bytes(frame_bytes)
        self._queue: deque[bytes | int] = deque()
        #: When to call `next` again: the caller has then heard the last frame.
        self.due_s = now()

    def play(self, pcm: bytes) -> None:
        """Append whole frames."""
        self._queue.extend(
            pcm[at : at + self._frame_bytes] for at in range(0, len(pcm), self._frame_bytes)
        )

    def mark(self, mark: int) -> None:
        self._queue.append(mark)

    def flush(self) -> None:
        self._queue.clear()

    def next(self) -> bytes | int:
        """Return the frame to send now, or the mark that is reached. Call it at `due_s`."""
        first = self._queue.popleft() if self._queue else self._silence
        if isinstance(first, bytes):
            self.due_s = max(self.due_s, self._now() - CATCH_UP_SECONDS) + FRAME_SECONDS
        return first
