"""A buffer with the last 30 s of a call's sound: sessions send it, and repeat it after a break.

Offsets count from the beginning of the call, in bytes or in seconds. They include the silence that
is added while the line sends nothing."""

from __future__ import annotations

from typing import Final

import trio

from callchart.engine.ports import FRAME_SECONDS, frame_bytes

#: The sound that is kept: the longest utterance.
KEPT_S: Final = 30.0

#: The sound in one message. Shorter messages cost more; longer ones delay partials by half of their
#: length.
BATCH_S: Final = 0.1


class AudioBuffer:
    """The buffer that the call writes and its sessions read."""

    def __init__(self, rate_hz: int) -> None:
        #: Offsets: the first byte kept, the end of the sound, and the end of what to send now.
        self.start_bytes = self.end_bytes = self.due_bytes = 0
        self._frame_bytes = frame_bytes(rate_hz)
        self._kept_bytes, self._batch_bytes = self.to_bytes(KEPT_S), self.to_bytes(BATCH_S)
        self._sound = bytearray()
        self._grown = trio.lowlevel.ParkingLot()

    def append(self, pcm: bytes) -> None:
        """Add whole frames."""
        self._sound += pcm
        self.end_bytes += len(pcm)
        if (over := len(self._sound) - self._kept_bytes) > 0:
            del self._sound[:over]
            self.start_bytes += over
        if self.end_bytes - self.due_bytes >= self._batch_bytes:
            self.release_all()

    def append_silence(self, duration_s: float) -> None:
        """Add whole frames of silence."""
        self.append(bytes(self.to_bytes(duration_s)))

    def release_all(self) -> None:
        """Release all sound so far for sending."""
        if self.due_bytes < self.end_bytes:
            self.due_bytes = self.end_bytes
            self._grown.unpark_all()

    async def read(self, offset_bytes: int, most_s: float) -> bytes:
        """Wait for sound from `offset_bytes` on, and return at most `most_s` seconds of it.

        Return b"" if that sound was dropped already."""
        await trio.lowlevel.checkpoint()
        while self.due_bytes <= offset_bytes:
            await self._grown.park()
        if (begin := offset_bytes - self.start_bytes) < 0:
            return b""
        return bytes(
            self._sound[begin : begin + min(self.due_bytes - offset_bytes, self.to_bytes(most_s))]
        )

    def to_seconds(self, size_bytes: int) -> float:
        """Return the duration of `size_bytes` of sound."""
        return size_bytes / self._frame_bytes * FRAME_SECONDS

    def to_bytes(self, duration_s: float) -> int:
        """Return the size of the whole frames within `duration_s`."""
        return int(duration_s / FRAME_SECONDS + 1e-6) * self._frame_bytes
