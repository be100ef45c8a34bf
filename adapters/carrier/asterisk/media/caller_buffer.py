"""What the caller says, on its way from the media to whoever hears: whole frames, and not too many.

Media come in whatever pieces the network makes. They wait here until they are whole frames and
somebody asks; a reader that stalls loses the oldest, so that it later hears the present."""

from __future__ import annotations

import logging
from typing import Final

import trio

from callchart.engine.ports import LineGone, frame_bytes

log = logging.getLogger("callchart")

#: Of the caller's sound that nobody has heard yet, in frames: 2 s.
BACKLOG_FRAMES: Final = 100


class CallerAudio:
    """One call's sound from the caller, mono s16le at `rate_hz`."""

    def __init__(self, call: str, rate_hz: int) -> None:
        self._call = call
        self._frame_bytes = frame_bytes(rate_hz)
        self._unheard = bytearray()
        self._dropped = self._closed = False
        self._hearers = trio.lowlevel.ParkingLot()

    def feed(self, pcm: bytes) -> None:
        """The caller's next sound, of any length."""
        if self._closed:
            return
        self._unheard += pcm
        excess = len(self._unheard) // self._frame_bytes - BACKLOG_FRAMES
        if excess > 0:
            del self._unheard[: excess * self._frame_bytes]
            if not self._dropped:
                self._dropped = True
                log.warning(
                    "call %s: nobody hears the caller for 2 s; the oldest sound is dropped from"
                    " now on (is this machine overloaded?)",
                    self._call,
                )
        if self._whole:
            self._hearers.unpark_all()

    async def hear(self) -> bytes:
        """The whole frames that came since the last time. Cancelling it loses nothing.

        Raises `LineGone` once it is closed."""
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
        """There is no more; whoever waits learns it."""
        self._closed = True
        self._unheard.clear()
        self._hearers.unpark_all()

    @property
    def _whole(self) -> int:
        """Bytes that are whole frames."""
        return len(self._unheard) // self._frame_bytes * self._frame_bytes
