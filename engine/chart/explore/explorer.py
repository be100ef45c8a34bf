"""Breadth first over all that a call can come to: every event, at every moment, in every order.

Theory of operation. What is explored is what runs: each step is made by `decide`, on a standing
that represents all that the chart cannot tell apart. Where a call stands is taken in two parts. A
*standing* has no time: what an occurrence makes of it is decided once. A *node* is a standing with
a zone, which says in what order its timers can be due. The way to each node is a shortest one, so
that the first call that breaks a property is a shortest call that does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.chart.chart import Chart, ChartError, Edge, TimerSpec, timer_trigger
from engine.chart.decide import (
    Active,
    Configuration,
    Occurrence,
    Outcome,
    Step,
    Timer,
    begin,
    decide,
    microseconds,
)
from engine.chart.explore.model import Model, Move, Standing
from engine.chart.explore.rules import ANSWERED, FUNCTIONS_WORK, OVER, rules
from engine.chart.explore.zone import NOTHING, Slot, Zone, elapsed, fired, is_within, stepped
from engine.events import TimerFired

#: The moment at which each step is decided, and the deadline of the timers that run (us).
NOW = 1_000_000_000_000
FAR = 2 * NOW
#: What `decide` does.
Deciding = Callable[[Chart, Configuration, Any, Occurrence], Step]
#: Such a step changes nothing.
UNMOVED = (Outcome.STALE, Outcome.LATE, Outcome.IGNORED)


@dataclass(frozen=True, slots=True, eq=False)
class Successor:
    """A step that was explored, but for the time.

    `key` names what happened, as a `Move` does. `timer` is the place of the timer that fired, 0:
    none of those that are counted. `to` is the number of a standing; `slots` says what becomes of
    the timers. `started`: timers begin anew."""

    key: str
    trigger: str
    outcome: Outcome
    to: int
    timer: int
    slots: tuple[Slot, ...]
    edge: Edge | None
    #: It changes nothing, not even a timer.
    idle: bool = False
    #: The effects that it commands, by name, and what it adds to what was said and done.
    does: tuple[Any, ...] = ()

    def is_like(self, other: Successor) -> bool:
        """Does the same happen, and lead to the same?"""
        return (self.key, self.to, self.slots, self.edge) == (
            other.key,
            other.to,
            other.slots,
            other.edge,
        )


@dataclass(frozen=True, slots=True)
class Breach:
    """A step that breaks a property: of which, and how."""

    name: str
    how: str
    key: str
    timer: int


@dataclass(frozen=True, slots=True)
class Violation:
    """A property that does not hold: how, and the keys of the shortest way there."""

    name: str
    how: str
    way: tuple[str, ...]


@dataclass(eq=False)
class Explored:
    """A standing, and all that can happen in it. `urgent`: no time passes in it."""

    number: int
    standing: Standing
    #: The places of its timers that are counted, in the order of declaration.
    timers: tuple[TimerSpec, ...]
    urgent: bool
    successors: tuple[Successor, ...] | None = None
    breaches: tuple[Breach, ...] = ()
    #: The greatest zones reached, and their nodes.
    zones: list[tuple[Zone, int]] = field(default_factory=list)
    #: The least and greatest delays (us) of timers that begin as the call comes to stand here.
    bounds: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def leaf(self) -> str:
        return self.standing.configuration.leaf

    def node_of(self, zone: Zone) -> int:
        """The node that holds this zone."""
        return next(node for known, node in self.zones if is_within(zone, known))


@dataclass(frozen=True, slots=True)
class Node:
    """A standing's number with a zone; the node before it, and the key of the step between."""

    standing: int
    zone: Zone
    before: int
    key: str


class Exploration:
    """All that the calls of a chart can come to, in the world of a model.

    `most` bounds its nodes; with `stop_at_first`, it ends at the first violation. `deciding` is
    another `decide`."""

    def __init__(
        self,
        chart: Chart,
        model: Model,
        *,
        most: int = 1_000_000,
        stop_at_first: bool = False,
        deciding: Deciding = decide,
    ) -> None:
        self._deciding = deciding
        self.chart, self.model = chart, model
        self.explored: list[Explored] = []
        self.nodes: list[Node] = []
        self.violations: list[Violation] = []
        #: All is explored.
        self.complete = False
        #: Steps from node to node.
        self.steps = 0
        #: All that happened at one node at least, as time allows.
        self.went: set[Successor] = set()
        #: Timers by order of the whole call: may be due at any moment, for it may have lasted long.
        self.uncounted = frozenset(
            timer.order
            for timer in chart.timers
            if not chart.nodes[timer.state].ancestors and chart.nodes[timer.state].state.children
        )
        self._most, self._stop_at_first = most, stop_at_first
        self._properties = (*rules(chart), *model.properties)
        self._broken: set[str] = set()
        self._numbers: dict[Hashable, int] = {}
        self._configurations: dict[Hashable, Configuration] = {}
        self._zones: dict[Hashable, Zone | None] = {}
        #: Configurations (they live on in `_configurations`) whose late moves were tried.
        self._late: set[int] = set()

    # --- the search ----------------------------------------------------------------------------

    def run(self) -> Iterator[int]:
        """Explore; yields now and then how many nodes are done."""
        for data in self.model.beginnings():
            step = begin(self.chart, data)
            before = Standing(step.before, data, self.model.opening())
            number, slots = self._arrive(step, self.model.after(before.world, step), ())
            self._reach(number, stepped(NOTHING, slots), -1, "")
        done = 0
        while done < len(self.nodes):
            if len(self.nodes) > self._most or (self._stop_at_first and self.violations):
                return
            self._expand(done)
            done += 1
            if not done % 500:
                yield done
        self.complete = True

    def violate(self, name: str, how: str, node: int, *keys: str) -> None:
        """Note that a property does not hold at a node, or `keys` after it; once for each."""
        if name not in self._broken:
            self._broken.add(name)
            self.violations.append(Violation(name, how, (*self.way_to(node), *keys)))

    @property
    def taken(self) -> Sequence[Edge]:
        """The edges taken, leaf by leaf."""
        edges = {id(went.edge): went.edge for went in self.went if went.edge is not None}
        return list(edges.values())

    def leaf(self, node: int) -> str:
        """Where the call stands at a node."""
        return self.explored[self.nodes[node].standing].leaf

    def way_to(self, node: int) -> tuple[str, ...]:
        """The keys of the steps that lead to a node, from the beginning."""
        keys: list[str] = []
        while node >= 0:
            keys.append(self.nodes[node].key)
            node = self.nodes[node].before
        return tuple(keys[-2::-1])

    def ahead(self, node: int) -> Iterator[tuple[Successor, int]]:
        """What can happen at a node that is explored, and to which node it leads."""
        zone, explored = self.nodes[node].zone, self.explored[self.nodes[node].standing]
        for successor in explored.successors or ():
            reached = self._after(zone, successor)
            if reached is not None:
                to = self.explored[successor.to]
                yield successor, to.node_of(reached if to.urgent else self._elapsed(reached))

    def _expand(self, node: int) -> None:
        zone, explored = self.nodes[node].zone, self.explored[self.nodes[node].standing]
        if explored.successors is None:
            explored.successors, explored.breaches = self._decided(explored)
        for breach in explored.breaches:
            if breach.name not in self._broken and (
                not breach.timer or fired(zone, breach.timer) is not None
            ):
                self.violate(breach.name, breach.how, node, breach.key)
        for successor in explored.successors:
            if successor.idle:
                self.steps += 1
                self.went.add(successor)
                continue
            reached = self._after(zone, successor)
            if reached is not None:
                self.went.add(successor)
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
        explored = self.explored[number]
        self.steps += 1
        if not explored.urgent:
            zone = self._elapsed(zone)
        for known, _ in explored.zones:
            if known is zone or is_within(zone, known):
                return
        explored.zones.append((zone, len(self.nodes)))
        self.nodes.append(Node(number, zone, node, key))

    # --- one standing --------------------------------------------------------------------------

    def happenings(self, standing: Standing) -> Iterator[tuple[str, Occurrence, Any]]:
        """(key, occurrence, the world then) of all that can be next, whenever that is."""
        configuration, _, world = standing
        urgent = self.model.is_urgent(world)
        if configuration.recalled and not urgent:
            recalled = configuration.recalled[0]
            yield f"{type(recalled.event).__name__}, put off before", recalled, world
            return
        moves = self.model.moves(standing)
        if not urgent and id(configuration) not in self._late:
            self._late.add(id(configuration))
            moves = (*moves, *self.model.late_moves(standing))
        for move in moves:
            yield move.key, occurrence_of(configuration, move), move.world
        if not urgent:
            for timer in configuration.timers:
                fires = TimerFired(timer.state, timer.name)
                occurrence = Occurrence(NOW, fires, timer.activation)
                yield timer_trigger(timer.state, timer.name), occurrence, world

    def _decided(self, explored: Explored) -> tuple[tuple[Successor, ...], tuple[Breach, ...]]:
        standing = explored.standing
        orders = [t.order for t in standing.configuration.timers if t.order not in self.uncounted]
        kept: tuple[Slot, ...] = tuple(range(1, len(orders) + 1))
        found: list[Successor] = []
        breaches: list[Breach] = []
        for key, occurrence, world in self.happenings(standing):
            event, place = occurrence.event, 0
            trigger = type(event).__name__
            if isinstance(event, TimerFired):
                trigger = key  # as timers are named
                place = next(
                    (n for n, spec in enumerate(explored.timers, 1) if spec.trigger == key), 0
                )
            for note, data in self.model.variants(standing.data):
                try:
                    step = self._deciding(self.chart, standing.configuration, data, occurrence)
                    if (
                        step.outcome in UNMOVED
                        and world is standing.world
                        and not (explored.urgent or place or trigger == key)
                    ):
                        after, number, slots = world, explored.number, kept
                    else:
                        after = self.model.after(world, step)
                        number, slots = self._arrive(step, after, orders)
                except ChartError as hole:
                    breaches.append(Breach(ANSWERED, str(hole), key, place))
                    continue
                except Exception as error:  # noqa: BLE001 (of the chart's functions: whatever)
                    how = f"{type(error).__name__}: {error}"
                    breaches.append(Breach(FUNCTIONS_WORK, how, key, place))
                    continue
                for rule in self._properties:
                    if broken := rule.check(standing, step, after):
                        breaches.append(Breach(rule.name, broken, key, place))
                idle = number == explored.number and slots == kept and not explored.urgent
                does = (
                    *(e.name for e in (*step.exit_effects, *step.effects, *step.entry_effects)),
                    *step.data.history,
                )
                successor = Successor(
                    key, trigger, step.outcome, number, place, slots, step.edge, idle, does
                )
                if not note:
                    found.append(successor)
                elif not found or not successor.is_like(found[-1]):
                    found.append(replace(successor, key=f"{key} ({note})"))
        return tuple(found), tuple(breaches)

    def _arrive(
        self, step: Step, world: Any, orders: Sequence[int]
    ) -> tuple[int, tuple[Slot, ...]]:
        to = self._explored(Standing(step.after, step.data, world))
        started = {(state, name) for state, name, _ in step.started}
        slots: list[Slot] = []
        for timer in to.timers:
            if (timer.state, timer.name) in started:
                slots.append(self._bounds(timer, to))
            else:
                slots.append(orders.index(timer.order) + 1)
        return to.number, tuple(slots)

    def _bounds(self, timer: TimerSpec, to: Explored) -> tuple[int, int]:
        bounds = to.bounds.get(timer.order)
        if bounds is None:
            data = to.standing.data
            every = self.model.extremes(data, NOW) if callable(timer.delay) else (data,)
            delays = [microseconds(timer.delay, one, NOW) for one in every]
            bounds = to.bounds[timer.order] = min(delays), max(delays)
        return bounds

    # --- what stands for what ------------------------------------------------------------------

    def _explored(self, standing: Standing) -> Explored:
        """What stands for it, made where there is none yet."""
        configuration = standing.configuration
        orders = tuple(sorted([timer.order for timer in configuration.timers]))
        key = (configuration.leaf, orders, self.model.key(standing))
        number = self._numbers.get(key)
        if number is not None:
            return self.explored[number]
        configuration, data, world = self.model.representative(standing)
        stands = self._representative(configuration, orders)
        urgent = bool(stands.recalled) or self.model.is_urgent(world)
        timers = tuple(self.chart.timers[o] for o in orders if o not in self.uncounted)
        number = self._numbers[key] = len(self.explored)
        self.explored.append(Explored(number, Standing(stands, data, world), timers, urgent))
        return self.explored[number]

    def _representative(
        self, configuration: Configuration, orders: tuple[int, ...]
    ) -> Configuration:
        renamed = {active.activation: n for n, active in enumerate(configuration.active, 1)}
        deferred = _renamed(configuration.deferred, renamed)
        recalled = _renamed(configuration.recalled, renamed)
        place = (configuration.leaf, orders, deferred, recalled)
        if place not in self._configurations:
            active = tuple(Active(a.state, n) for n, a in enumerate(configuration.active, 1))
            stay = {a.state: a.activation for a in active}
            timers = tuple(
                Timer(FAR, order, timer.state, timer.name, stay[timer.state])
                for order in orders
                for timer in [self.chart.timers[order]]
            )
            self._configurations[place] = Configuration(
                active, timers, deferred, recalled, len(active)
            )
        return self._configurations[place]


def occurrence_of(configuration: Configuration, move: Move) -> Occurrence:
    stay = configuration.activation(move.of) if move.of is not None else None
    return Occurrence(NOW, move.event, OVER if move.stale else stay)


def _renamed(occurrences: Sequence[Occurrence], to: dict[int, int]) -> tuple[Occurrence, ...]:
    return tuple(
        Occurrence(NOW, o.event, None if o.activation is None else to.get(o.activation, OVER))
        for o in occurrences
    )
