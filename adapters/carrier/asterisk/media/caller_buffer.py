"""The buffer of the caller's audio: the media append to it, and the line reads from it.

The media append pieces of any size; the line reads whole frames. The buffer holds at most 2 s: if
the line stalls, the buffer drops the oldest frames, and the line continues with the latest."""

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
        self._unread = bytearray()
        self._dropped = self._closed = False
        self._readers = trio.lowlevel.ParkingLot()

    def append_audio(self, pcm: bytes) -> None:
        """Append the caller's next audio, of any length."""
        if self._closed:
            return
        self._unread += pcm
        excess_frames = len(self._unread) // self._frame_bytes - BACKLOG_FRAMES
        if excess_frames > 0:
            del self._unread[: excess_frames * self._frame_bytes]
            if not self._dropped:
                self._dropped = True
                log.warning(
                    "call %s: caller audio not read for 2 s, oldest frames dropped (logged once"
                    " per call); check the load of this machine",
                    self._call,
                )
        if self._whole_bytes:
            self._readers.unpark_all()

    async def receive_audio(self) -> bytes:
        """Wait for whole frames, and return all of them. A cancelled wait loses no audio.

        Raises `LineGone` after `close`."""
        if self._closed or self._whole_bytes:
            await trio.lowlevel.checkpoint()
        while not (self._closed or self._whole_bytes):
            await self._readers.park()
        if self._closed:
            raise LineGone(f"call {self._call}: its audio is closed")
        whole = self._whole_bytes
        pcm = bytes(self._unread[:whole])
        del self._unread[:whole]
        return pcm

    def close(self) -> None:
        """Drop the audio. Waiting and later reads raise `LineGone`."""
        self._closed = True
        self._unread.clear()
        self._readers.unpark_all()

    @property
    def _whole_bytes(self) -> int:
        """The number of buffered bytes in whole frames."""
        return len(self._unread) // self._frame_bytes * self._frame_bytes
