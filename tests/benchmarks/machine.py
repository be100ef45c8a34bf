"""The machine's own measure: a fixed loop of plain Python, so that figures can be compared."""

from __future__ import annotations

import statistics
import time


def measure() -> dict[str, float]:
    """Milliseconds for a million additions: the median of seven tries, and the slowest of them.

    Far apart, the two say that the machine had other work, and the figures beside them are worth
    less."""
    times = sorted(_million() for _ in range(7))
    return {"median_ms": statistics.median(times), "slowest_ms": times[-1]}


def _million() -> float:
    began, total = time.perf_counter(), 0
    for number in range(1_000_000):
        total += number
    return (time.perf_counter() - began) * 1000
