"""Playback that we pace ourselves, for media that are heard the moment they are sent.

A frame is due each 20 ms, at deadlines that do not drift. After a stall of ours, the frames of its
last moments follow at once, so that no phone's jitter buffer runs dry for good; a longer stall is a
gap: a burst of all that was missed would be thrown away by the phone."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from engine.ports import FRAME_SECONDS

#: How much of a stall is made up for, in seconds: what a phone's jitter buffer bears.
CATCH_UP_SECONDS: Final = 0.06


class PacedPlayback:
    """What is to be played, frame by frame and mark by mark, by the clock `now` (seconds)."""

    def __init__(self, frame_bytes: int, now: Callable[[], float]) -> None:
        self._frame_bytes, self._now = frame_bytes, now
        self._queue: deque[bytes | int] = deque()
        self._frames = 0
        #: When the last frame that was sent has been heard.
        self._heard_at = -math.inf

    def play(self, pcm: bytes) -> None:
        """Append whole frames."""
        if self._frames == 0:
            # It begins now: a pause is no stall, and is not made up for.
            self._heard_at = max(self._heard_at, self._now())
        for at in range(0, len(pcm), self._frame_bytes):
            self._queue.append(pcm[at : at + self._frame_bytes])
            self._frames += 1

    def mark(self, mark: int) -> None:
        self._queue.append(mark)

    def flush(self) -> None:
        self._queue.clear()
        self._frames = 0

    def next(self) -> bytes | int | None:
        """The frame that is to be sent now, or the mark that is reached, if one is."""
        if self.due > self._now():
            return None
        first = self._queue.popleft()
        if isinstance(first, bytes):
            self._frames -= 1
            self._heard_at = max(self._heard_at, self._now() - CATCH_UP_SECONDS) + FRAME_SECONDS
        return first

    @property
    def due(self) -> float:
        """When `next` has something, if nothing else happens before."""
        return self._heard_at if self._queue else math.inf
