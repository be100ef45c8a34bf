"""The last half minute of a call's sound, which sessions send, and send again after one broke.

An offset is in bytes or in seconds since the call began. Silence that is added while the line sends
nothing counts like any sound."""

from __future__ import annotations

from typing import Final

import trio

from callchart.engine.ports import FRAME_SECONDS, frame_bytes

#: Seconds of sound that are kept: the longest utterance.
KEPT_S: Final = 30.0

#: Seconds of sound in one message. A message costs as much as 100 ms of sound; partials are later
#: by half of that.
BATCH_S: Final = 0.1


class AudioBuffer:
    """The buffer that the call writes and its sessions read."""

    def __init__(self, rate_hz: int) -> None:
        #: Offsets in bytes: first byte kept, end, and end of what to send now.
        self.start = self.end = self.due = 0
        self._frame = frame_bytes(rate_hz)
        self._kept, self._batch = self.bytes(KEPT_S), self.bytes(BATCH_S)
        self._sound = bytearray()
        self._grown = trio.lowlevel.ParkingLot()

    def append(self, pcm: bytes) -> None:
        """Add whole frames."""
        self._sound += pcm
        self.end += len(pcm)
        if (over := len(self._sound) - self._kept) > 0:
            del self._sound[:over]
            self.start += over
        if self.end - self.due >= self._batch:
            self.hurry()

    def append_silence(self, seconds: float) -> None:
        """Add whole frames of silence."""
        self.append(bytes(self.bytes(seconds)))

    def hurry(self) -> None:
        """Let all sound so far be sent now."""
        if self.due < self.end:
            self.due = self.end
            self._grown.unpark_all()

    async def read(self, offset: int, most: float) -> bytes:
        """Wait for sound from `offset` on, and return at most `most` seconds of it.

        Return nothing if that sound was dropped already."""
        await trio.lowlevel.checkpoint()
        while self.due <= offset:
            await self._grown.park()
        if (begin := offset - self.start) < 0:
            return b""
        return bytes(self._sound[begin : begin + min(self.due - offset, self.bytes(most))])

    def seconds(self, offset: int) -> float:
        """Return the seconds that so many bytes last."""
        return offset / self._frame * FRAME_SECONDS

    def bytes(self, seconds: float) -> int:
        """Return the bytes of the whole frames within so many seconds."""
        return int(seconds / FRAME_SECONDS + 1e-6) * self._frame
