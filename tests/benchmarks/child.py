"""One measurement in a process of its own: `python -m tests.benchmarks.child NAME ARGUMENT...`.

It prints its metrics as one line of JSON. A new process has no heap, no caches and no CPU seconds
of an earlier measurement."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping

import trio

from tests.benchmarks import alone, machine
from tests.benchmarks.level import engine_level, floor_level

Metrics = dict[str, float]

MEASUREMENTS: Mapping[str, Callable[..., Metrics]] = {
    "machine": machine.measure,
    "decision": alone.decision,
    "turn": alone.turn,
    "memory": lambda: alone.memory(calls=100),
    "virtual_spans": alone.virtual_spans,
    "virtual_frames": alone.virtual_frames,
    "engine": lambda calls, seconds: trio.run(engine_level, int(calls), float(seconds)),
    "floor": lambda calls, seconds: trio.run(floor_level, int(calls), float(seconds)),
}

if __name__ == "__main__":
    print(json.dumps(MEASUREMENTS[sys.argv[1]](*sys.argv[2:])))
