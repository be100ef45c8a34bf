"""Two explorations compared step by step: the shortest call in which they differ.

Only the observable parts of a call are compared: its states, its timers, its effects, and its
history. Other data counts when it changes one of these.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from callchart.engine.chart.decide import Outcome
from callchart.engine.exploration.explorer import Exploration
from callchart.engine.exploration.node import Successor


@dataclass(frozen=True, slots=True)
class Observation:
    """The observable part of a step: outcome, leaf after it, effects and history, timers."""

    outcome: Outcome
    leaf: str
    does: tuple[Any, ...]
    timers: tuple[Any, ...]

    @classmethod
    def of(cls, exploration: Exploration, step: Successor) -> Observation:
        to = exploration.states[step.to]
        timers = zip((timer.trigger for timer in to.timers), step.slots, strict=True)
        return cls(step.outcome, to.leaf, step.does, tuple(timers))

    def difference_from(self, other: Observation) -> str:
        """Return the first difference, as "this one, not the other"."""
        sides = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        mine, theirs = next((mine, theirs) for mine, theirs in sides if mine != theirs)
        return f"{_described(mine)}, not {_described(theirs)}"


@dataclass(frozen=True, slots=True)
class Divergence:
    """The keys of a shortest call to a difference of two explorations, and the difference."""

    path: tuple[str, ...]
    how: str


def divergence(one: Exploration, two: Exploration) -> Divergence | None:
    """Return the nearest difference of two complete explorations, or None.

    Only occurrences that are possible in both are compared: the moves of an environment may depend
    on the data."""
    if one.leaf(0) != two.leaf(0) or one.nodes[0].zone != two.nodes[0].zone:
        return Divergence((), "they begin differently")
    paths: dict[tuple[int, int], tuple[str, ...]] = {(0, 0): ()}
    ahead = deque(paths)
    while ahead:
        here = ahead.popleft()
        for key, mine, theirs, both in _together(one, two, here):
            if mine != theirs:
                return Divergence((*paths[here], key), mine.difference_from(theirs))
            if both not in paths:
                paths[both] = (*paths[here], key)
                ahead.append(both)
    return None


def _together(
    one: Exploration, two: Exploration, nodes: tuple[int, int]
) -> Iterator[tuple[str, Observation, Observation, tuple[int, int]]]:
    """Yield (key, both observations, both nodes after it) for each step that both can take."""
    theirs = {step.key: (step, to) for step, to in two.successors_of(nodes[1])}
    for step, to in one.successors_of(nodes[0]):
        # A key may end with a note about the data (`Model.variants`).
        same = theirs.get(step.key) or theirs.get(step.key.partition(" (")[0])
        if same is not None:
            yield step.key, Observation.of(one, step), Observation.of(two, same[0]), (to, same[1])


def _described(seen: Any) -> str:
    return ", ".join(map(str, seen)) or "nothing" if isinstance(seen, tuple) else str(seen)
