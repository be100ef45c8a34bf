"""The recording of one call: both legs in one file, at the same instants.

A call may last long, so the file grows with it: what lies behind the present is written, and only
what is still ahead in the carrier's queue is kept here, for a flush may drop it."""

from __future__ import annotations

import logging
import os
from collections import deque
from pathlib import Path

import numpy as np
import trio
from numpy.typing import NDArray

from callchart.adapters.carrier.wav_header import UNKNOWN, wav_header

log = logging.getLogger("callchart")

#: How far the caller's sound may lag behind the clock before the gap is filled with silence: a
#: network's jitter stays below it.
JITTER = 0.1
#: Seconds of sound that are written at a time.
PIECE = 1.0


class Recorder:
    """A stereo WAV, the caller left, the agent right, that only its owner can read.

    A disk that is full is said once, and the call goes on. Raises OSError where the file cannot be
    made at all."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self.path, self._rate_hz = path, rate_hz
        self._began: float | None = None
        #: Samples that are in the file; what follows of each leg is kept here.
        self._written = 0
        self._caller = _Leg()
        self._agent = _Leg()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        # Unbuffered: after a write that failed nothing is left that would fail again.
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._append(wav_header(rate_hz, 2, UNKNOWN))

    def begin(self) -> None:
        """The recording's first sample is of this moment."""
        if self._began is None:
            self._began = trio.current_time()

    def hear(self, pcm: bytes) -> None:
        """The caller's sound, as it comes."""
        begins = self._now() - len(pcm) // 2
        if begins - self._caller.end > JITTER * self._rate_hz:
            self._caller.end = begins
        self._caller.append(pcm)
        if self._now() - self._written > PIECE * self._rate_hz:
            self._write(min(self._now(), self._caller.end))

    def play(self, pcm: bytes) -> None:
        """The agent's sound: it is heard behind what was sent before it, or from now on."""
        self._agent.end = max(self._agent.end, self._now())
        self._agent.append(pcm)

    def flush(self) -> None:
        """What is ahead of now was not heard."""
        self._agent.cut(self._now())

    def close(self) -> None:
        """The call is over: write what is left. Closing twice is closing once."""
        self._write(max(self._caller.end, min(self._agent.end, self._now())))
        if self._file.closed:
            return
        try:
            self._file.seek(0)
            self._file.write(wav_header(self._rate_hz, 2, self._written * 4))
            self._file.close()
        except OSError as error:
            self._complain(error)

    def _now(self) -> int:
        """The present, in samples of the recording."""
        if self._began is None:
            return 0
        return round((trio.current_time() - self._began) * self._rate_hz)

    def _write(self, until: int) -> None:
        if until <= self._written or self._file.closed:
            return
        legs = [leg.take(self._written, until) for leg in (self._caller, self._agent)]
        self._written = until
        self._append(np.column_stack(legs).astype("<i2").tobytes())

    def _append(self, piece: bytes) -> None:
        try:
            while piece:
                piece = piece[self._file.write(piece) :]
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        log.error(
            "recording %s: %s; the call goes on, its recording ends here",
            self.path,
            error.strerror,
        )
        self._file.close()


class _Leg:
    """One side's sound that is not written yet, in pieces, each with the sample it begins at."""

    def __init__(self) -> None:
        self.end = 0
        self._pieces: deque[tuple[int, bytes]] = deque()

    def append(self, pcm: bytes) -> None:
        self._pieces.append((self.end, pcm))
        self.end += len(pcm) // 2

    def cut(self, at: int) -> None:
        while self._pieces and self._pieces[-1][0] + len(self._pieces[-1][1]) // 2 > at:
            begin, pcm = self._pieces.pop()
            if begin < at:
                self._pieces.append((begin, pcm[: (at - begin) * 2]))
                break
        self.end = min(self.end, at)

    def take(self, begin: int, end: int) -> NDArray[np.int16]:
        """The samples from `begin` to `end`, silence where there is nothing; they are gone here."""
        taken = np.zeros(end - begin, np.int16)
        while self._pieces and self._pieces[0][0] < end:
            at, pcm = self._pieces.popleft()
            samples = np.frombuffer(pcm, "<i2")
            if at < begin:
                samples, at = samples[begin - at :], begin
            if at + len(samples) > end:
                self._pieces.appendleft((end, samples[end - at :].tobytes()))
                samples = samples[: end - at]
            taken[at - begin : at - begin + len(samples)] = samples
        return taken
