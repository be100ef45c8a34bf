"""The speed of the machine: a fixed loop of plain Python, to compare metrics of two machines."""

from __future__ import annotations

import statistics
import time


def measure() -> dict[str, float]:
    """Measure a million additions (ms): the median of seven tries, and the slowest.

    If the two are far apart, the machine had other work, and the other metrics are less exact."""
    times = sorted(_million() for _ in range(7))
    return {"median_ms": statistics.median(times), "slowest_ms": times[-1]}


def _million() -> float:
    began, total = time.perf_counter(), 0
    for number in range(1_000_000):
        total += number
    return (time.perf_counter() - began) * 1000
