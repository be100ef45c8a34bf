"""What happens at one instant: two occurrences in both orders, and whether the order decides.

A tie of an event and a timer, or of two events, may fall out either way; of two timers the one
that is declared first is first, so that for them one of the orders is what would have been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from engine.chart.decide import Outcome
from engine.chart.explore.explorer import Exploration, Explored, Successor
from engine.chart.explore.zone import can_be_at_once, fired


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a tie: what became of the first and of the second, and where the call stands.

    `second` is None where the second cannot come any more: its timer has ended or begun anew, its
    activity is over (it would be stale)."""

    first: Outcome
    second: Outcome | None
    leaf: str


@dataclass(frozen=True, slots=True)
class Tie:
    """Two occurrences at one instant in `leaf`, and what comes of them in either order.

    `one` and `two` are triggers: an event's name, or a timer's as `timer_trigger` gives it."""

    leaf: str
    one: str
    two: str
    one_first: Order
    two_first: Order

    @property
    def order_decides(self) -> bool:
        """Does the call stand elsewhere, if the order is another?"""
        return self.one_first.leaf != self.two_first.leaf


def ties(exploration: Exploration) -> dict[Tie, tuple[str, ...]]:
    """Every tie that was explored, once for each way it falls out, with the keys of a shortest
    call that gets there; in the order of the chart's leaves and of their names."""
    found: dict[Tie, int] = {}
    for node, _ in enumerate(exploration.nodes):
        for tie in _ties_at(exploration, node):
            found.setdefault(tie, node)
    leaves = exploration.chart.leaves
    ordered = sorted(found, key=lambda t: (leaves.index(t.leaf), t.one, t.two, found[t]))
    return {tie: exploration.way_to(found[tie]) for tie in ordered}


def _ties_at(exploration: Exploration, node: int) -> Iterator[Tie]:
    explored = exploration.explored[exploration.nodes[node].standing]
    if explored.urgent:
        return
    can = [s for s, _ in exploration.ahead(node)]
    # Two timers of which each can be due first can be due at one instant, too.
    for a, b in combinations(can, 2):
        one, two = sorted((a, b), key=lambda s: s.trigger)
        yield Tie(
            explored.leaf,
            one.trigger,
            two.trigger,
            _order(exploration, explored, one, two),
            _order(exploration, explored, two, one),
        )


def _order(
    exploration: Exploration, explored: Explored, first: Successor, second: Successor
) -> Order:
    """`second` at the instant of `first`, after whatever has to happen between."""
    stands = exploration.explored[first.to]
    while stands.urgent and stands.successors:
        stands = exploration.explored[stands.successors[0].to]
    then = next((s for s in stands.successors or () if s.key == second.key), None)
    if then is None or (second.timer and second.timer not in first.slots):
        return Order(first.outcome, None, stands.leaf)
    return Order(first.outcome, then.outcome, exploration.explored[then.to].leaf)


def count_ties(exploration: Exploration) -> int:
    """How many times two occurrences of which one at least is a timer can be at one instant."""
    count = 0
    for node in exploration.nodes:
        explored = exploration.explored[node.standing]
        if not explored.urgent:
            timers = range(1, len(node.zone))
            first = [t for t in timers if fired(node.zone, t) is not None]
            events = sum(not s.timer for s in explored.successors or ())
            pairs = sum(can_be_at_once(node.zone, a, b) for a, b in combinations(timers, 2))
            count += len(first) * events + pairs
    return count
