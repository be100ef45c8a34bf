"""The breadth-first search over all calls of a chart: every event, at every moment, in every order.

Theory of operation. The search makes each step with `decide`, which also makes the steps of real
calls. One state represents all states that the chart cannot tell apart. A *state*
(`SearchState`) has no time, and each occurrence in it is decided once. A *node* (`SearchNode`) is a
state with a zone: the orders in which its timers can fire. The search finds a shortest path to each
node, so the first violation of a property has the shortest path of all its violations.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from callchart.engine.chart.chart import Chart, LeafReaction
from callchart.engine.chart.decide import begin, decide
from callchart.engine.exploration.invariants import invariants
from callchart.engine.exploration.model import Model, SearchState
from callchart.engine.exploration.moments import Deciding
from callchart.engine.exploration.node import StateRecord, Successor
from callchart.engine.exploration.representatives import Representatives
from callchart.engine.exploration.successors import SuccessorGenerator
from callchart.engine.exploration.zone import NOTHING, Zone, elapsed, fired, is_within, stepped


@dataclass(frozen=True, slots=True)
class Violation:
    """A property that does not hold: the reason, and the keys of the shortest path to it."""

    name: str
    how: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchNode:
    """A state (its number) with a zone; the node before it, and the key of the step from there."""

    state: int
    zone: Zone
    before: int
    key: str


class Exploration:
    """All calls of a chart, in the environment of a model.

    The search stops at more than `node_limit` nodes and, with `stop_at_first`, at the first
    violation. `deciding` replaces `decide`, for a mutant."""

    def __init__(
        self,
        chart: Chart,
        model: Model,
        *,
        node_limit: int = 1_000_000,
        stop_at_first: bool = False,
        deciding: Deciding = decide,
    ) -> None:
        self.chart, self.model = chart, model
        self._representatives = Representatives(chart, model)
        properties = (*invariants(chart), *model.properties)
        self._generator = SuccessorGenerator(
            chart, model, self._representatives, properties, deciding
        )
        self.nodes: list[SearchNode] = []
        self.violations: list[Violation] = []
        #: True when the search has expanded every node that it reached.
        self.complete = False
        #: The number of steps from node to node.
        self.steps = 0
        #: The successors that the zone of at least one node allows.
        self.allowed_successors: set[Successor] = set()
        self._node_limit, self._stop_at_first = node_limit, stop_at_first
        self._broken: set[str] = set()
        self._zones: dict[Hashable, Zone | None] = {}

    # --- the search ----------------------------------------------------------------------------

    def run(self) -> Iterator[int]:
        """Explore, and yield the number of finished nodes after every 500 nodes."""
        for data in self.model.initial_data():
            step = begin(self.chart, data)
            before = SearchState(step.before, data, self.model.initial_environment())
            number, slots = self._representatives.arrive(
                step, self.model.after(before.environment, step), ()
            )
            self._reach(number, stepped(NOTHING, slots), -1, "")
        done = 0
        while done < len(self.nodes):
            if len(self.nodes) > self._node_limit or (self._stop_at_first and self.violations):
                return
            self._expand(done)
            done += 1
            if not done % 500:
                yield done
        self.complete = True

    def violate(self, name: str, how: str, node: int, *keys: str) -> None:
        """Note that the property `name` does not hold at a node, or after the steps `keys` from it.

        Only the first violation of each property is noted."""
        if name not in self._broken:
            self._broken.add(name)
            self.violations.append(Violation(name, how, (*self.path_to(node), *keys)))

    @property
    def states(self) -> Sequence[StateRecord]:
        """The states, by number."""
        return self._representatives.states

    @property
    def untimed(self) -> frozenset[int]:
        """The `order` of each timer of the whole call. They may fire at any moment."""
        return self._representatives.untimed

    @property
    def taken(self) -> Sequence[LeafReaction]:
        """The reactions that were taken. A reaction of a parent counts once for each leaf."""
        edges = {
            id(step.edge): step.edge for step in self.allowed_successors if step.edge is not None
        }
        return list(edges.values())

    def leaf(self, node: int) -> str:
        """Return the leaf of a node."""
        return self.states[self.nodes[node].state].leaf

    def path_to(self, node: int) -> tuple[str, ...]:
        """Return the keys of the steps that lead from the beginning to a node."""
        keys: list[str] = []
        while node >= 0:
            keys.append(self.nodes[node].key)
            node = self.nodes[node].before
        return tuple(keys[-2::-1])

    def successors_of(self, node: int) -> Iterator[tuple[Successor, int]]:
        """Yield (successor, node that it leads to) for each successor of an expanded node."""
        zone, record = self.nodes[node].zone, self.states[self.nodes[node].state]
        for successor in record.successors or ():
            reached = self._after(zone, successor)
            if reached is not None:
                to = self.states[successor.to]
                yield successor, to.node_of(reached if to.urgent else self._elapsed(reached))

    def _expand(self, node: int) -> None:
        zone, record = self.nodes[node].zone, self.states[self.nodes[node].state]
        if record.successors is None:
            record.successors, record.breaches = self._generator.generate(record)
        for breach in record.breaches:
            if breach.name not in self._broken and (
                not breach.timer or fired(zone, breach.timer) is not None
            ):
                self.violate(breach.name, breach.how, node, breach.key)
        for successor in record.successors:
            if successor.idle:
                self.steps += 1
                self.allowed_successors.add(successor)
                continue
            reached = self._after(zone, successor)
            if reached is not None:
                self.allowed_successors.add(successor)
                self._reach(successor.to, reached, node, successor.key)

    def _after(self, zone: Zone, successor: Successor) -> Zone | None:
        known = (zone, successor.timer, successor.slots)
        if known not in self._zones:
            now = fired(zone, successor.timer) if successor.timer else zone
            self._zones[known] = None if now is None else stepped(now, successor.slots)
        return self._zones[known]

    def _elapsed(self, zone: Zone) -> Zone:
        found = self._zones.get(zone)
        if found is None:
            found = self._zones[zone] = elapsed(zone)
        return found

    def _reach(self, number: int, zone: Zone, node: int, key: str) -> None:
        record = self.states[number]
        self.steps += 1
        if not record.urgent:
            zone = self._elapsed(zone)
        for known, _ in record.zones:
            if known is zone or is_within(zone, known):
                return
        record.zones.append((zone, len(self.nodes)))
        self.nodes.append(SearchNode(number, zone, node, key))
