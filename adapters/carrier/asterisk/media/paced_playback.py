"""Playback that we pace ourselves, for media that are heard the moment they are sent.

A frame is due each 20 ms, at deadlines that do not drift; where there is nothing to play, it is
silence. After a stall of ours, the frames of its last moments follow at once, so that no phone's
jitter buffer runs dry for good; of a longer one the rest is a gap: a burst of all that was missed
would be thrown away by the phone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from callchart.engine.ports import FRAME_SECONDS

#: How much of a stall is made up for, in seconds: what a phone's jitter buffer bears.
CATCH_UP_SECONDS: Final = 0.06


class PacedPlayback:
    """What is played, frame by frame and mark by mark, by the clock `now` (seconds)."""

    def __init__(self, frame_bytes: int, now: Callable[[], float]) -> None:
        self._frame_bytes, self._now = frame_bytes, now
        self._silence = bytes(frame_bytes)
        self._queue: deque[bytes | int] = deque()
        #: When `next` is to be called: the last frame that was sent has been heard by then.
        self.due = now()

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
        """The frame that is to be sent now that it is due, or the mark that is reached."""
        first = self._queue.popleft() if self._queue else self._silence
        if isinstance(first, bytes):
            self.due = max(self.due, self._now() - CATCH_UP_SECONDS) + FRAME_SECONDS
        return first
