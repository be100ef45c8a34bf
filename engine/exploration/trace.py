"""A path of an exploration, as a trace of a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callchart.engine.exploration.explorer import Exploration


def trace_of(exploration: Exploration, path: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (occurrence, leaf after it) for each step of a path, from the beginning of the call."""
    record = exploration.states[exploration.nodes[0].state]
    yield "the call begins", record.leaf
    for key in path:
        successor = next((s for s in record.successors or () if s.key == key), None)
        if successor is None:
            yield key, record.leaf
            return
        record = exploration.states[successor.to]
        yield key, record.leaf
