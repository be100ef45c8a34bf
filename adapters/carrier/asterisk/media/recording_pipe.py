"""The named pipe into which Asterisk records the caller, for media by files.

Theory of operation. Asterisk writes a recording through a buffer of 32 KiB. At 16 kHz the buffer
holds 1 s, and we would read the audio that late. At 96 kHz it holds 171 ms (192 kHz would halve
that, at eight times the work for Asterisk). So Asterisk records at 96 kHz, and we drop the samples
that it interpolates. A pipe also keeps the audio off the disk."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import trio

RECORDED_HZ: Final = 96_000

#: Asterisk's name of s16le at that rate, as a format and as a file extension.
FORMAT: Final = "sln96"

#: The size of the pipe: 1.4 s. A full pipe blocks Asterisk and all other users of the channel.
PIPE_BYTES: Final = 2**18

#: Group-writable: Asterisk may run as another user.
MODE: Final = 0o660

POLL_SECONDS: Final = 0.01


class RecordingPipe:
    """One recording, read while Asterisk makes it, mono s16le at `rate_hz`.

    Raises OSError if the pipe cannot be created."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._path = path
        self._step = RECORDED_HZ // rate_hz
        self._recorded = bytearray()
        os.mkfifo(path)
        try:
            path.chmod(MODE)
            # Open it before Asterisk does: Asterisk's open would block until ours.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        with suppress(OSError):  # beyond the user's quota the size stays 64 KiB: 0.3 s
            fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    async def opened(self) -> None:
        """Wait until Asterisk has opened the pipe."""
        while not self._recorded:
            try:
                self._recorded += os.read(self._descriptor, PIPE_BYTES)
            except BlockingIOError:
                return  # Asterisk has opened the pipe, and has not written yet
            await trio.sleep(POLL_SECONDS)

    async def read(self) -> bytes:
        """Wait for the next 171 ms of audio and return them, or b"" at the end of the recording."""
        while not (pcm := self._whole_samples()):
            await trio.lowlevel.wait_readable(self._descriptor)
            with suppress(BlockingIOError):
                received = os.read(self._descriptor, PIPE_BYTES)
                if not received:
                    return b""
                self._recorded += received
        return pcm

    def close(self) -> None:
        """Delete the pipe. That also ends a recording under way."""
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)

    def _whole_samples(self) -> bytes:
        whole = len(self._recorded) // (2 * self._step) * 2 * self._step
        samples = np.frombuffer(bytes(self._recorded[:whole]), "<i2")[:: self._step]
        del self._recorded[:whole]
        pcm: bytes = samples.tobytes()
        return pcm
