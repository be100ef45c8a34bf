"""A voice detector that uses only loudness, which is enough for a line without noise."""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Final

import numpy as np

from callchart.engine.ports import FRAME_SECONDS

#: The lowest level (root mean square) of a frame of speech: absolute, 50 dB below full scale, and
#: as a multiple of the line's noise.
QUIETEST_SPEECH: Final = 104.0
ABOVE_NOISE: Final = 3.0

#: The largest growth of the noise estimate in a frame: tenfold in 5 s. Pauses in speech lower it
#: again.
NOISE_GROWTH: Final = 1.01

_FRAME_MS: Final = round(FRAME_SECONDS * 1000)

#: The shortest speech; a click is shorter.
ONSET_MS: Final = 3 * _FRAME_MS


class Edge(Enum):
    BEGINS = auto()
    ENDS = auto()


class SpeechFinder:
    """A voice detector for one session. Speech ends after `pause_s` seconds of silence."""

    def __init__(self, pause_s: float) -> None:
        self._pause_ms = pause_s * 1000
        self._noise = math.inf
        self._loud_ms = 0
        #: The length of the present silence.
        self.quiet_ms = 0
        self.speaking = False

    def find_edge(self, frame: bytes) -> Edge | None:
        """Take 20 ms of mono s16le; return the edge that they complete, if any."""
        samples = np.frombuffer(frame, "<i2").astype(np.float32)
        level = float(np.sqrt(np.mean(samples * samples)))
        self._noise = min(level, self._noise * NOISE_GROWTH + 1.0)
        if level > max(QUIETEST_SPEECH, self._noise * ABOVE_NOISE):
            self._loud_ms, self.quiet_ms = self._loud_ms + _FRAME_MS, 0
        else:
            self._loud_ms, self.quiet_ms = 0, self.quiet_ms + _FRAME_MS
        if not self.speaking and self._loud_ms >= ONSET_MS:
            self.speaking = True
            return Edge.BEGINS
        if self.speaking and self.quiet_ms >= self._pause_ms:
            self.speaking = False
            return Edge.ENDS
        return None
