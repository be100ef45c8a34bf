"""A chart: its states, checked, and the table of reactions that is built from them.

A chart with a mistake raises `ChartError` when it is built, never during a call.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from callchart.engine.chart import checks
from callchart.engine.chart.binding import AT_US, reads
from callchart.engine.chart.checks import ChartError
from callchart.engine.chart.machine import SEPARATOR, Machine, MachineReaction
from callchart.engine.chart.state import (
    After,
    Defer,
    Delay,
    Effect,
    Ignore,
    Reaction,
    Reactions,
    Role,
    State,
    Stay,
    To,
    after_of,
    named,
    reactions_of,
)
from callchart.engine.data import CallData
from callchart.engine.did_you_mean import did_you_mean
from callchart.engine.events import EVENTS, OUTSIDE, Event


@dataclass(frozen=True, slots=True)
class Node:
    """A state in its chart: its full name, its declaration, its ancestors outermost first.

    `order` counts the states in the order of declaration."""

    path: str
    state: State
    ancestors: tuple[str, ...]
    order: int

    @property
    def lineage(self) -> tuple[str, ...]:
        """The full names of its ancestors and itself, outermost first."""
        return (*self.ancestors, self.path)


@dataclass(frozen=True, slots=True)
class TimerSpec:
    """One declared timer of one state.

    `order` counts the timers in the order of declaration: of two that are due at the same
    microsecond, the one with the lower number fires first."""

    state: str
    name: str
    delay: Delay
    order: int

    @property
    def trigger(self) -> str:
        return timer_trigger(self.state, self.name)


def timer_trigger(state: str, timer: str) -> str:
    """Return the name of a timer's trigger. The trigger of an event is the name of its class."""
    return f"after {state} {timer}"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A reaction to `trigger`, as the state `source` declares it.

    `where` is the place of the declaration, for messages: "state call, on SpeechStarted".
    `event` is the event's class, or None for a timer."""

    source: str
    trigger: str
    reaction: Reaction
    event: type[Event] | None
    where: str


@dataclass(frozen=True, slots=True)
class LeafReaction:
    """A reaction as it applies in one leaf. `source` is the leaf or the parent that declares it.

    `exits` (innermost first) and `entries` (outermost first) are the states that it leaves and
    enters, and `leaf` is the leaf afterwards."""

    source: str
    trigger: str
    declared: Reaction
    leaf: str
    exits: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


class Chart:
    """A statechart, ready to run.

    `states` are the outermost states; a call begins in the first. `events` are all events that a
    call may receive. `data` is the class of a call's data. `late(data, event)` returns whether an
    event is about something finished; such an event is journalled and not acted on. `activities`
    maps names to async functions of a `callchart.engine.scene.Scene`, besides the engine's own
    activities. `overview` names the few states of the smallest drawing. `base` is the chart that
    this one extends, or None: drawings keep its places and colours.

    Raises `ChartError`, with the state and the cure, for:
    - an event that can arrive in a state that has no reaction to it;
    - a reaction that never applies, because one without a guard comes before it;
    - a target, child, timer, setting or role that does not exist, or an ambiguous target;
    - a state that no transition reaches;
    - a state that may last without limit, because no timer is sure to leave it;
    - states that lead to each other in a circle, each after 0 s;
    - a transition to an ancestor without `restart=True`;
    - a function with other parameters than `data`, `event` and `at_us`."""

    def __init__(
        self,
        name: str,
        states: Sequence[State],
        *,
        events: Sequence[type[Event]] = EVENTS,
        data: type[CallData] = CallData,
        late: Callable[[Any, Event], bool] | None = None,
        activities: Mapping[str, Callable[..., Any]] | None = None,
        overview: Sequence[str] = (),
        base: Chart | None = None,
    ) -> None:
        self.name = name
        self.states = tuple(states)
        self.events = tuple(events)
        self.data = data
        self.late = late
        self.activities = MappingProxyType(dict(activities or {}))
        self.base = base
        self.nodes: Mapping[str, Node] = MappingProxyType(_nodes(self.states))
        self.overview = tuple(
            self.resolve(state, why=f"chart {name}, overview") for state in overview
        )
        self.timers: tuple[TimerSpec, ...] = tuple(
            TimerSpec(node.path, timer, after_of(after)[0], order)
            for order, (node, timer, after) in enumerate(
                (node, timer, after)
                for node in self.nodes.values()
                for timer, after in node.state.after.items()
            )
        )
        self.timers_of: Mapping[str, tuple[TimerSpec, ...]] = {
            path: tuple(t for t in self.timers if t.state == path) for path in self.nodes
        }
        self.initial: tuple[str, ...] = self._entered_from_outside(self.states[0].name)
        checks.check_declarations(self)
        self.table: Mapping[str, Mapping[str, tuple[LeafReaction, ...]]] = self._build_table()
        checks.check_table(self)

    # --- reading a chart ---------------------------------------------------------------------

    @property
    def leaves(self) -> tuple[str, ...]:
        """The full names of the states without children, in the order of declaration."""
        return tuple(p for p, node in self.nodes.items() if not node.state.children)

    def resolve(self, name: str, *, why: str) -> str:
        """Return the full name of a state. `name` may be any end of it that no other state has.

        Raises `ChartError` with a message that begins with `why`."""
        if name in self.nodes:
            return name
        found = [p for p in self.nodes if p.endswith(SEPARATOR + name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ChartError(
                f"{why}: the state {name!r} must be one of {', '.join(found)}; write its full name"
            )
        hint = did_you_mean(name, self._names(), repr)
        raise ChartError(
            f"{why}: the state must be one of the chart's, got {name!r}{hint} (the chart has "
            f"{', '.join(self.nodes)})"
        )

    def _names(self) -> Iterator[str]:
        """Yield each name that `resolve` accepts."""
        paths = [path.split(SEPARATOR) for path in self.nodes]
        ends = [SEPARATOR.join(parts[n:]) for parts in paths for n in range(len(parts))]
        yield from (end for end in ends if end in self.nodes or ends.count(end) == 1)

    def reactions(self, leaf: str, trigger: str) -> tuple[LeafReaction, ...]:
        """Return the reactions that are tried in `leaf`, in order: its own, then its parents'."""
        return self.table[leaf].get(trigger, ())

    def arriving(self, leaf: str) -> Iterator[type[Event]]:
        """Yield the events that can arrive in `leaf`: from outside, or from a running activity."""
        running = {OUTSIDE} | {
            a for p in self.nodes[leaf].lineage if (a := self.nodes[p].state.activity)
        }
        return (event for event in self.events if event.origin in running)

    def declarations(self) -> Iterator[Declaration]:
        """Yield every declared reaction, in the order of declaration."""
        for path, node in self.nodes.items():
            for event, reactions in node.state.on.items():
                where = f"state {path}, on {event.__name__}"
                for reaction in reactions_of(reactions):
                    yield Declaration(path, event.__name__, reaction, event, where)
            for timer, after in node.state.after.items():
                where = f"state {path}, after {timer}"
                for reaction in after_of(after)[1]:
                    yield Declaration(path, timer_trigger(path, timer), reaction, None, where)

    def roles(self, leaf: str) -> tuple[Role, ...]:
        """Return the roles of `leaf` and its parents, outermost first."""
        return tuple(r for p in self.nodes[leaf].lineage if (r := self.nodes[p].state.role))

    @cached_property
    def reads_moment(self) -> Mapping[str, str]:
        """The functions that read `at_us`, by name, each with one place where it is used."""
        return {
            named(function): where
            for function, where, _ in checks.functions(self)
            if AT_US in reads(function)
        }

    def is_final(self, leaf: str) -> bool:
        """Return True if `leaf` ends the call."""
        return self.nodes[leaf].state.final

    @cached_property
    def hash(self) -> str:
        """The first 12 hex digits of a SHA-256 of the states. A journal names its chart by it."""
        text = json.dumps([_hashed_node(node) for node in self.nodes.values()], default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def extended(
        self,
        name: str,
        *,
        add: Mapping[str, Sequence[State]] | None = None,
        on: Mapping[str, Mapping[type[Event], Reactions]] | None = None,
        after: Mapping[str, Mapping[str, After]] | None = None,
        events: Sequence[type[Event]] = (),
        data: type[CallData] | None = None,
        activities: Mapping[str, Callable[..., Any]] | None = None,
    ) -> Chart:
        """Return a new chart: this one with additions. This one does not change.

        `add` maps a parent to new children. `on` and `after` map a state to reactions to events
        and timers. These are tried before its existing ones, and replace them if the last new one
        has no guard. Raises `ChartError`, like any chart."""
        if data is not None and not issubclass(data, self.data):
            raise ChartError(
                f"chart {name}: data must be a subclass of {self.data.__name__}, "
                f"got {data.__name__}"
            )
        changes: dict[str, dict[str, Any]] = {}
        for key, asked in (("add", add), ("on", on), ("after", after)):
            for state, change in (asked or {}).items():
                path = self.resolve(state, why=f"chart {name}, {key}")
                if key == "add" and not isinstance(change, (list, tuple)):
                    raise ChartError(
                        f"chart {name}, add to {path}: the states must be a list, got "
                        f"{type(change).__name__}; write [...] around them"
                    )
                changes.setdefault(path, {})[key] = change
        states = list(self.states)
        for path, change in changes.items():
            top, _, rest = path.partition(SEPARATOR)
            index = next(n for n, state in enumerate(states) if state.name == top)
            states[index] = states[index].changed(rest, **change)
        return Chart(
            name,
            states,
            events=(*self.events, *events),
            data=data or self.data,
            late=self.late,
            activities={**self.activities, **(activities or {})},
            overview=self.overview,
            base=self,
        )

    # --- building the table --------------------------------------------------------------------

    def _entered_from_outside(self, path: str) -> tuple[str, ...]:
        """Return the states that a call enters if it begins in `path`, outermost first."""
        entered = [*self.nodes[path].ancestors, path]
        while children := self.nodes[path].state.children:
            path = f"{path}{SEPARATOR}{self.nodes[path].state.initial or children[0].name}"
            entered.append(path)
        return tuple(entered)

    def _build_table(self) -> dict[str, dict[str, tuple[LeafReaction, ...]]]:
        declared = list(self.declarations())
        of_machine = [
            MachineReaction(d.trigger, d.source, self.resolve(d.reaction.target, why=d.where))
            if isinstance(d.reaction, To)
            else MachineReaction(d.trigger, d.source, None)
            for d in declared
        ]
        machine = Machine([_for_machine(state) for state in self.states], of_machine)
        table: dict[str, dict[str, tuple[LeafReaction, ...]]] = {}
        for leaf in self.leaves:
            row = table.setdefault(leaf, {})
            for trigger in dict.fromkeys(d.trigger for d in declared):
                tried = []
                for number in machine.tried(leaf, trigger):
                    source, reaction = declared[number].source, declared[number].reaction
                    if isinstance(reaction, To):
                        change = machine.change(leaf, trigger, number)
                        tried.append(
                            LeafReaction(
                                source, trigger, reaction, change.leaf, change.exits, change.entries
                            )
                        )
                    else:
                        tried.append(LeafReaction(source, trigger, reaction, leaf))
                if tried:
                    row[trigger] = tuple(tried)
        return table


def _nodes(states: Sequence[State]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}

    def place(state: State, ancestors: tuple[str, ...]) -> None:
        path = SEPARATOR.join([*ancestors[-1:], str(state.name)])
        if path in nodes:
            raise ChartError(f"state {path} must be declared once, got it twice")
        checks.check_state(state, path)
        nodes[path] = Node(path, state, ancestors, len(nodes))
        for child in state.children:
            place(child, (*ancestors, path))

    if not states:
        raise ChartError("a chart must have at least one state, got none")
    for state in states:
        place(state, ())
    return nodes


def _for_machine(state: State) -> dict[str, object]:
    made: dict[str, object] = {"name": state.name}
    if state.children:
        made["children"] = [_for_machine(child) for child in state.children]
        made["initial"] = state.initial or state.children[0].name
    return made


# The hash leaves out a state's `doc` and `role`, because no decision reads them.


def _hashed_node(node: Node) -> list[object]:
    state = node.state
    return [
        node.path,
        state.activity,
        state.initial,
        state.final,
        [_hashed_effect(e) for e in state.entry_effects],
        [_hashed_effect(e) for e in state.exit_effects],
        [[e.__name__, [_hashed_reaction(r) for r in reactions_of(x)]] for e, x in state.on.items()],
        [
            [timer, named(after_of(x)[0]), [_hashed_reaction(r) for r in after_of(x)[1]]]
            for timer, x in state.after.items()
        ],
    ]


def _hashed_reaction(reaction: Reaction) -> list[object]:
    parts: list[object] = [type(reaction).__name__, reaction.when and named(reaction.when)]
    if isinstance(reaction, To):
        parts += [reaction.target, reaction.restart]
    if isinstance(reaction, Stay):
        parts += [list(reaction.rearm)]
    if isinstance(reaction, (Ignore, Defer)):
        parts += [reaction.reason]
    if isinstance(reaction, (To, Stay)):
        parts += [
            [named(u) for u in reaction.updates],
            [_hashed_effect(e) for e in reaction.effects],
        ]
    return parts


def _hashed_effect(effect: Any) -> object:
    return [effect.name, effect.described()] if isinstance(effect, Effect) else named(effect)
