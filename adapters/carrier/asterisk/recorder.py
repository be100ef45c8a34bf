"""The recording of one call: both legs in one file, at the same moments.

A call may last long, so the recorder writes played audio to the file during the call. Audio that
still waits in the carrier's queue stays in memory: a flush may drop it."""

from __future__ import annotations

import logging
import os
from collections import deque
from pathlib import Path

import numpy as np
import trio
from numpy.typing import NDArray

from callchart.adapters.carrier.wav_header import UNKNOWN_BYTES, wav_header

log = logging.getLogger("callchart")

#: The longest lag of the caller's audio that counts as the network's jitter. A longer lag is a gap,
#: which the recorder fills with silence.
JITTER_SECONDS = 0.1
#: The audio in one write.
WRITE_SECONDS = 1.0


class CallRecorder:
    """A stereo WAV that only its owner can read: the caller left, the agent right.

    After a write error (a full disk) the recording ends with one line in the log, and the call
    continues.
    Raises OSError if the file cannot be created."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self.path, self._rate_hz = path, rate_hz
        self._began_s: float | None = None
        #: Samples in the file. The legs hold the audio after these.
        self._written = 0
        self._caller = _Leg()
        self._agent = _Leg()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        # Unbuffered: after a failed write, close() must not write a buffer and fail again.
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._append(wav_header(rate_hz, 2, UNKNOWN_BYTES))

    def start(self) -> None:
        """Start the recording: its first sample belongs to this moment."""
        if self._began_s is None:
            self._began_s = trio.current_time()

    def record_caller(self, pcm: bytes) -> None:
        """Append the caller's audio, as it arrives."""
        begins = self._now() - len(pcm) // 2
        if begins - self._caller.end > JITTER_SECONDS * self._rate_hz:
            self._caller.end = begins
        self._caller.append(pcm)
        if self._now() - self._written > WRITE_SECONDS * self._rate_hz:
            self._write(min(self._now(), self._caller.end))

    def record_agent(self, pcm: bytes) -> None:
        """Append the agent's audio: it plays after the queued audio, or now if none is queued."""
        self._agent.end = max(self._agent.end, self._now())
        self._agent.append(pcm)

    def flush(self) -> None:
        """Drop the agent's audio after the present moment: the caller never heard it."""
        self._agent.cut(self._now())

    def close(self) -> None:
        """Write the remaining audio and close the file. A second call does nothing."""
        self._write(max(self._caller.end, min(self._agent.end, self._now())))
        if self._file.closed:
            return
        try:
            self._file.seek(0)
            self._file.write(wav_header(self._rate_hz, 2, self._written * 4))
            self._file.close()
        except OSError as error:
            self._end(error)

    def _now(self) -> int:
        """Return the present moment, in samples of the recording."""
        if self._began_s is None:
            return 0
        return round((trio.current_time() - self._began_s) * self._rate_hz)

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
            self._end(error)

    def _end(self, error: OSError) -> None:
        log.error("recording %s ended, the call continues: %s", self.path, error.strerror)
        self._file.close()


class _Leg:
    """One side's audio that is not in the file yet: pieces, each with the place of its beginning.

    All places are in samples of the recording."""

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
        """Remove and return the samples from `begin` to `end`, with silence in the gaps."""
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
