"""The buffer of the caller's audio, from the media to the reader: whole frames, at most 2 s.

Media arrive in pieces of any size. The buffer joins them to whole frames. A reader that stalls
loses the oldest frames, so that it continues with the present."""

from __future__ import annotations

import logging
from typing import Final

import trio

from callchart.engine.ports import LineGone, frame_bytes

log = logging.getLogger("callchart")

#: The most frames that the buffer holds: 2 s.
BACKLOG_FRAMES: Final = 100


class CallerBuffer:
    """The buffer of one caller's audio, mono s16le at `rate_hz`."""

    def __init__(self, call: str, rate_hz: int) -> None:
        self._call = call
        self._frame_bytes = frame_bytes(rate_hz)
        self._unheard = bytearray()
        self._dropped = self._closed = False
        self._hearers = trio.lowlevel.ParkingLot()

    def append_audio(self, pcm: bytes) -> None:
        """Append the caller's next audio, of any length."""
        if self._closed:
            return
        self._unheard += pcm
        excess = len(self._unheard) // self._frame_bytes - BACKLOG_FRAMES
        if excess > 0:
            del self._unheard[: excess * self._frame_bytes]
            if not self._dropped:
                self._dropped = True
                log.warning(
                    "call %s: caller audio not read for 2 s; dropping the oldest from now on"
                    " (is this machine overloaded?)",
                    self._call,
                )
        if self._whole:
            self._hearers.unpark_all()

    async def receive_audio(self) -> bytes:
        """Wait for whole frames, and return all. A cancelled wait loses none.

        Raises `LineGone` after `close`."""
        if self._closed or self._whole:
            await trio.lowlevel.checkpoint()
        while not (self._closed or self._whole):
            await self._hearers.park()
        if self._closed:
            raise LineGone(f"call {self._call}: its sound is closed")
        whole = self._whole
        pcm = bytes(self._unheard[:whole])
        del self._unheard[:whole]
        return pcm

    def close(self) -> None:
        """Drop the audio, and raise `LineGone` in the tasks that wait."""
        self._closed = True
        self._unheard.clear()
        self._hearers.unpark_all()

    @property
    def _whole(self) -> int:
        """The number of bytes in whole frames."""
        return len(self._unheard) // self._frame_bytes * self._frame_bytes
