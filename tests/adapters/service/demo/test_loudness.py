"""Speech is detected by its loudness above the line's noise."""

from __future__ import annotations

import numpy as np

from callchart.adapters.service.demo.loudness import Edge, SpeechFinder
from callchart.engine.ports import frame_bytes

RATE_HZ = 8000
RANDOM = np.random.default_rng(1)


def noise(level: float, seconds: float) -> list[bytes]:
    """Return frames of noise with that level."""
    samples = RANDOM.normal(0, level, round(RATE_HZ * seconds)).astype("<i2").tobytes()
    size = frame_bytes(RATE_HZ)
    return [samples[at : at + size] for at in range(0, len(samples), size)]


def edges(finder: SpeechFinder, *frames: list[bytes]) -> list[tuple[float, Edge]]:
    """Return each edge with its time in seconds."""
    whole = [frame for piece in frames for frame in piece]
    found = [(number, finder.find_edge(frame)) for number, frame in enumerate(whole, 1)]
    return [(number / 50, edge) for number, edge in found if edge]


def test_speech_begins_after_60_ms_and_ends_with_its_pause() -> None:
    finder = SpeechFinder(pause_s=0.5)
    line = (noise(0, 1.0), noise(3000, 0.6), noise(0, 0.3), noise(3000, 0.6), noise(0, 1.0))
    assert edges(finder, *line) == [(1.06, Edge.BEGINS), (3.0, Edge.ENDS)]
    assert finder.quiet_ms == 1000


def test_a_click_is_not_speech() -> None:
    assert edges(SpeechFinder(0.5), noise(0, 1.0), noise(3000, 0.04), noise(0, 1.0)) == []


def test_line_noise_is_not_speech_however_loud() -> None:
    found = edges(SpeechFinder(0.5), noise(800, 2.0), noise(6000, 0.6), noise(800, 2.0))
    assert found == [(2.06, Edge.BEGINS), (3.1, Edge.ENDS)]
