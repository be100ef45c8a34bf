"""The resampler keeps the frequencies below both Nyquist limits, and joins pieces exactly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from callchart.adapters.worker.polyphase import Resampler

RATES = [(22050, 16000), (22050, 8000), (8000, 16000), (16000, 8000)]


def sine(hertz: float, rate_hz: int, amplitude: float = 16000) -> NDArray[np.float64]:
    """Return one second of a sine."""
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(rate_hz) / rate_hz)


def resampled(sound: NDArray[np.float64], source_hz: int, target_hz: int) -> NDArray[np.float64]:
    """Return the sound resampled in one piece."""
    resampler = Resampler(source_hz, target_hz)
    pcm = resampler.resample(np.rint(sound).astype("<i2").tobytes()) + resampler.finish()
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def decibels(sound: NDArray[np.float64]) -> float:
    """Return the power relative to a sine of amplitude 16000, without the samples at the ends."""
    middle = sound[len(sound) // 10 : -len(sound) // 10]
    return float(10 * np.log10(np.mean(middle**2) / (16000**2 / 2) + 1e-12))


@pytest.mark.parametrize(("source_hz", "target_hz"), RATES)
@pytest.mark.parametrize("hertz", [100, 1000, 3400])
def test_a_tone_keeps_its_phase_and_loudness(source_hz: int, target_hz: int, hertz: float) -> None:
    error = resampled(sine(hertz, source_hz), source_hz, target_hz) - sine(hertz, target_hz)
    assert decibels(error) < -70


@pytest.mark.parametrize(("source_hz", "target_hz"), [(22050, 16000), (22050, 8000), (16000, 8000)])
def test_frequencies_above_the_lower_rate_are_removed(source_hz: int, target_hz: int) -> None:
    tone = sine(target_hz * 0.55, source_hz)
    assert decibels(resampled(tone, source_hz, target_hz)) < -70


@pytest.mark.parametrize(("source_hz", "target_hz"), RATES)
def test_sound_keeps_its_length(source_hz: int, target_hz: int) -> None:
    assert len(resampled(sine(440, source_hz), source_hz, target_hz)) == target_hz


def test_full_scale_does_not_wrap_around() -> None:
    """Compare a square wave between its steps: at the steps it overshoots."""
    square = np.where(np.arange(8000) // 80 % 2, -32767.0, 32767.0)
    halves = resampled(square, 8000, 16000).reshape(-1, 160)[:, 10:-10]
    assert np.all(halves[0::2] > 30000)
    assert np.all(halves[1::2] < -30000)


@given(
    st.sampled_from(RATES),
    st.lists(st.integers(min_value=0, max_value=3000), max_size=8).map(sorted),
)
def test_pieces_give_the_same_output_as_the_whole(rates: tuple[int, int], cuts: list[int]) -> None:
    pcm = np.random.default_rng(0).integers(-20000, 20000, 3000).astype("<i2").tobytes()
    whole = Resampler(*rates)
    pieces = Resampler(*rates)
    joined = b"".join(pieces.resample(pcm[2 * a : 2 * b]) for a, b in pairwise([0, *cuts, 3000]))
    assert joined + pieces.finish() == whole.resample(pcm) + whole.finish()
