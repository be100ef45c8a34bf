"""The input of Whisper: a log-mel spectrogram, as in the training of OpenAI's model."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 16000

# As in whisper/audio.py: a window of 25 ms every 10 ms. The values have two floors: 1e-10, and 8
# decades below the loudest value.
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160


def log_mel(samples: NDArray[np.float32], bands: int) -> NDArray[np.float32]:
    """Return the spectrogram of samples at 16 kHz in [-1, 1).

    Its shape is (1, `bands`, columns), with a column each 10 ms."""
    padded = np.pad(samples, WINDOW_SAMPLES // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[:-1:HOP_SAMPLES]
    power = np.abs(np.fft.rfft(windows * _hann())) ** 2
    log = np.log10(np.maximum(power @ _filters(bands), 1e-10))
    log = np.maximum(log, log.max() - 8.0)
    return np.ascontiguousarray((log.T[None] + 4.0) / 4.0, dtype=np.float32)


@lru_cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)


@lru_cache
def _filters(bands: int) -> NDArray[np.float32]:
    """Return triangular filters of equal area on Slaney's mel scale, like librosa's.

    The shape is (frequencies, bands). Below 1 kHz the scale is linear, with 200/3 Hz a mel; above,
    it is logarithmic, with 27 mels for a factor of 6.4."""
    frequencies = np.linspace(0.0, RATE_HZ / 2, WINDOW_SAMPLES // 2 + 1)
    highest = 15.0 + np.log(RATE_HZ / 2 / 1000.0) * 27.0 / np.log(6.4)
    mels = np.linspace(0.0, highest, bands + 2)
    corners = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * 6.4 ** ((mels - 15.0) / 27.0))
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequencies[:, None] - low) / (middle - low)
    falling = (high - frequencies[:, None]) / (high - middle)
    triangles = np.clip(np.minimum(rising, falling), 0.0, None) * (2.0 / (high - low))
    filters: NDArray[np.float32] = triangles.astype(np.float32)
    return filters
