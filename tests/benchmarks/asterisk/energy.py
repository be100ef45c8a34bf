"""Voice activity by loudness alone, on a line without noise: the cheapest detector."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from callchart.engine.ports import FRAME_SECONDS, VoiceEdge, frame_bytes
from tests.asterisk.track import LOUD

#: Frames that decide: speech begins after 60 ms of sound, and ends after 100 ms of silence.
ONSET_FRAMES, RELEASE_FRAMES = 3, 5


class Energy:
    """The detector of one call."""

    def __init__(self, rate_hz: int) -> None:
        self._samples = frame_bytes(rate_hz) // 2
        self._speaking, self._agreeing = False, 0

    def detect_edges(self, pcm: bytes) -> list[VoiceEdge]:
        frames = np.frombuffer(pcm, "<i2").astype(int).reshape(-1, self._samples)
        edges = []
        for at, peak in enumerate(np.abs(frames).max(axis=1)):
            self._agreeing = self._agreeing + 1 if (peak > LOUD) != self._speaking else 0
            needed = RELEASE_FRAMES if self._speaking else ONSET_FRAMES
            if self._agreeing == needed:
                self._speaking, self._agreeing = not self._speaking, 0
                lag = (needed + len(frames) - at - 1) * FRAME_SECONDS
                edges.append(VoiceEdge(self._speaking, lag))
        return edges


class EnergyDetectors:
    @asynccontextmanager
    async def detector(self, rate_hz: int) -> AsyncIterator[Energy]:
        yield Energy(rate_hz)
