"""The ear of media by files: a named pipe, into which Asterisk writes what it takes for a file.

Theory of operation. Asterisk writes a recording through a buffer of 32 KiB, so that whoever reads
along with a file is a second late at 16 kHz. Of a recording at 96 kHz, the same buffer holds 171 ms
(at 192 kHz it would be half of that, and eight times the work for Asterisk); and a pipe keeps none
of it on a disk. What Asterisk has filled in between the samples of the line's own rate is left out
again here."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import trio

RECORDED_HZ: Final = 96_000

#: Asterisk's name of s16le at that rate: of the format, and of the file's extension.
FORMAT: Final = "sln96"

#: Where the pipe is full, Asterisk waits, and with it what else wants that channel: after 1.4 s.
PIPE_BYTES: Final = 2**18

#: For owner and group: Asterisk may run as another user.
MODE: Final = 0o660

POLL_SECONDS: Final = 0.01


class RecordingPipe:
    """One recording, heard as it is made, mono s16le at `rate_hz`. Raises OSError where it cannot
    be made."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._path = path
        self._step = RECORDED_HZ // rate_hz
        self._recorded = bytearray()
        os.mkfifo(path)
        try:
            path.chmod(MODE)
            # Before Asterisk opens it: it would wait for us to do so.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        with suppress(OSError):  # beyond a user's allowance it stays at 64 KiB: 0.3 s
            fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    async def opened(self) -> None:
        """Wait until Asterisk has it open."""
        while not self._recorded:
            try:
                self._recorded += os.read(self._descriptor, PIPE_BYTES)
            except BlockingIOError:
                return  # somebody is there, who has written nothing yet
            await trio.sleep(POLL_SECONDS)

    async def read(self) -> bytes:
        """The next sound, 171 ms of it; b"" when the recording is over."""
        while not (pcm := self._settled()):
            await trio.lowlevel.wait_readable(self._descriptor)
            with suppress(BlockingIOError):
                received = os.read(self._descriptor, PIPE_BYTES)
                if not received:
                    return b""
                self._recorded += received
        return pcm

    def close(self) -> None:
        """It is gone; Asterisk's recording, if there is one still, ends by that."""
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)

    def _settled(self) -> bytes:
        whole = len(self._recorded) // (2 * self._step) * 2 * self._step
        samples = np.frombuffer(bytes(self._recorded[:whole]), "<i2")[:: self._step]
        del self._recorded[:whole]
        pcm: bytes = samples.tobytes()
        return pcm
