"""A way through an exploration, told as a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callchart.engine.exploration.explorer import Exploration


def told(exploration: Exploration, way: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(what happens, where the call stands then) from the beginning on."""
    explored = exploration.explored[exploration.nodes[0].standing]
    yield "the call begins", explored.leaf
    for key in way:
        successor = next((s for s in explored.successors or () if s.key == key), None)
        if successor is None:
            yield key, explored.leaf
            return
        explored = exploration.explored[successor.to]
        yield key, explored.leaf
