"""A call's sound as it was heard, the last half minute of it: what sessions of recognition send,
and send again where one of them broke.

A place on it is in bytes or in seconds since the call began. It goes on where the line is silent:
what is added then counts like any sound."""

from __future__ import annotations

from typing import Final

import trio

from callchart.engine.ports import FRAME_SECONDS, frame_bytes

#: Seconds that are kept: as long as an utterance may last.
KEPT: Final = 30.0

#: Seconds of sound that go out together. A message costs as much as 100 ms of sound do; words are
#: shown later by half of that.
BATCH: Final = 0.1


class Tape:
    """Written by the call, and read by its sessions."""

    def __init__(self, rate_hz: int) -> None:
        #: Places in bytes: of the first that is kept, of the last, and of what is to go out.
        self.start = self.end = self.due = 0
        self._frame = frame_bytes(rate_hz)
        self._kept, self._batch = self.bytes(KEPT), self.bytes(BATCH)
        self._sound = bytearray()
        self._grown = trio.lowlevel.ParkingLot()

    def append(self, pcm: bytes) -> None:
        """Whole frames."""
        self._sound += pcm
        self.end += len(pcm)
        if (over := len(self._sound) - self._kept) > 0:
            del self._sound[:over]
            self.start += over
        if self.end - self.due >= self._batch:
            self.hurry()

    def append_silence(self, seconds: float) -> None:
        """Whole frames of it."""
        self.append(bytes(self.bytes(seconds)))

    def hurry(self) -> None:
        """What there is goes out now."""
        if self.due < self.end:
            self.due = self.end
            self._grown.unpark_all()

    async def read(self, place: int, most: float) -> bytes:
        """Sound from `place` on, at most so many seconds of it. Waits until there is any; returns
        none where it is kept no more."""
        await trio.lowlevel.checkpoint()
        while self.due <= place:
            await self._grown.park()
        if (begin := place - self.start) < 0:
            return b""
        return bytes(self._sound[begin : begin + min(self.due - place, self.bytes(most))])

    def seconds(self, place: int) -> float:
        """Of a number of bytes."""
        return place / self._frame * FRAME_SECONDS

    def bytes(self, seconds: float) -> int:
        """Whole frames, none that lasts beyond `seconds`."""
        return int(seconds / FRAME_SECONDS + 1e-6) * self._frame
