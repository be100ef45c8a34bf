"""A chart: states put together, checked, and turned into the one table that runs.

`ChartError` is raised while a chart is built, never while a call is under way, and names the
state and the event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from callchart.engine.chart.binding import AT_US, EVENT, BindingError, event_types, reads
from callchart.engine.chart.machine import SEPARATOR, Machine, MachineReaction
from callchart.engine.chart.state import (
    After,
    Defer,
    Delay,
    Effect,
    Ignore,
    Reaction,
    Reactions,
    State,
    Stay,
    To,
    after_of,
    named,
    reactions_of,
)
from callchart.engine.data import CallData
from callchart.engine.events import EVENTS, OUTSIDE, Event, TimerFired
from callchart.engine.settings import MOST, SettingRef


class ChartError(ValueError):
    """The chart has a hole or a contradiction. The message says where, and what would mend it."""


@dataclass(frozen=True, slots=True)
class Node:
    """A state in its place: its full name, its declaration, its ancestors outermost first.

    `order` is its place in the declaration; it decides which of two timers due at once is first."""

    path: str
    state: State
    ancestors: tuple[str, ...]
    order: int

    @property
    def lineage(self) -> tuple[str, ...]:
        """Its ancestors and itself, outermost first."""
        return (*self.ancestors, self.path)


@dataclass(frozen=True, slots=True)
class TimerSpec:
    """One `after` of one state."""

    state: str
    name: str
    delay: Delay
    order: int

    @property
    def trigger(self) -> str:
        return timer_trigger(self.state, self.name)


def timer_trigger(state: str, timer: str) -> str:
    """The trigger's name of a timer, beside the events' own names."""
    return f"after {state} {timer}"


@dataclass(frozen=True, slots=True)
class LeafReaction:
    """One answer, as it applies in one leaf: declared by `source` on `trigger`.

    `exits` (innermost first) and `entries` (outermost first) are empty unless it is a transition,
    and `leaf` is where the call stands afterwards."""

    source: str
    trigger: str
    declared: Reaction
    leaf: str
    exits: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


class Chart:
    """A statechart, ready to run.

    `states` are the top states, the first being the initial one. `events` are all that the call
    can see. `data` is the class of a call's extended state. `late(data, event)` says of an event
    that it speaks of something over and done. `activities` are implementations (name -> async
    function of callchart.engine.scene.Scene) of the activities that the engine does not have.

    Raises `ChartError` for: an event that can arrive and is not answered; an answer that can never
    be given; a target, child or timer that does not exist or is ambiguous; an unreachable state; a
    waiting state with no bounded way out; a transition to an ancestor without `restart=True`."""

    def __init__(
        self,
        name: str,
        states: Sequence[State],
        *,
        events: Sequence[type[Event]] = EVENTS,
        data: type[CallData] = CallData,
        late: Callable[[Any, Event], bool] | None = None,
        activities: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.name = name
        self.states = tuple(states)
        self.events = tuple(events)
        self.data = data
        self.late = late
        self.activities = MappingProxyType(dict(activities or {}))
        self.nodes: Mapping[str, Node] = MappingProxyType(_place(self.states))
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
        self.initial: tuple[str, ...] = self._entered_through(self.states[0].name)
        self.table: Mapping[str, Mapping[str, tuple[LeafReaction, ...]]] = self._ask_the_machine()
        self._check_delays()
        self._check_answers()
        self._check_ancestors()
        self._check_reachable()
        self._check_bounded()
        self._check_circles()

    # --- reading a chart ---------------------------------------------------------------------

    @property
    def leaves(self) -> tuple[str, ...]:
        """The full names of the states without children, in the order of declaration."""
        return tuple(p for p, node in self.nodes.items() if not node.state.children)

    def resolve(self, name: str, *, why: str) -> str:
        """The full name of the state called `name`: a full name, or the unambiguous end of one."""
        if name in self.nodes:
            return name
        found = [p for p in self.nodes if p.endswith(SEPARATOR + name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ChartError(f"{why}: {name!r} is ambiguous: {', '.join(found)}")
        raise ChartError(f"{why}: there is no state {name!r}; there are {', '.join(self.nodes)}")

    def reactions(self, leaf: str, trigger: str) -> tuple[LeafReaction, ...]:
        """The answers tried in `leaf`, in order: its own first, then its parents'."""
        return self.table[leaf].get(trigger, ())

    def arriving(self, leaf: str) -> Iterator[type[Event]]:
        """The events that can arrive in `leaf`: from outside, or from an activity that runs."""
        running = {OUTSIDE} | {
            a for p in self.nodes[leaf].lineage if (a := self.nodes[p].state.activity)
        }
        return (event for event in self.events if event.origin in running)

    @cached_property
    def reads_moment(self) -> Mapping[str, str]:
        """The functions that read `at_us`, by name, each with one place where it is used."""
        return {
            named(function): where
            for function, where in self._functions()
            if AT_US in reads(function)
        }

    def _functions(self) -> Iterator[tuple[Callable[..., Any], str]]:
        """Yield every guard, update, delay and effect that is a function, and where it is used."""
        for path, node in self.nodes.items():
            for use, effects in (
                ("entry", node.state.entry_effects),
                ("exit", node.state.exit_effects),
            ):
                for effect in effects:
                    if not isinstance(effect, Effect):
                        yield effect, f"state {path}, {use}"
        for timer in self.timers:
            if callable(timer.delay):
                yield timer.delay, f"state {timer.state}, after {timer.name}"
        for _, _, answer, where in self.declarations():
            for function in _functions_of(answer):
                yield function, where

    def is_final(self, leaf: str) -> bool:
        """Does the call end here?"""
        return self.nodes[leaf].state.final

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits of everything that is declared: a journal belongs to one chart."""
        text = json.dumps([_described(node) for node in self.nodes.values()], default=str)
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
        """A chart of your own, grown from this one, which stays as it is.

        `add` puts states under a parent. `on` and `after` give a state (by name) answers to events
        and timers that are tried before those it has, or instead of them where the last one given
        has no guard. The result is checked like any chart."""
        changes: dict[str, dict[str, Any]] = {}
        for key, asked in (("add", add), ("on", on), ("after", after)):
            for state, change in (asked or {}).items():
                path = self.resolve(state, why=f"chart {name}, {key}")
                changes.setdefault(path, {})[key] = change
        states = list(self.states)
        for path, change in changes.items():
            top, _, rest = path.partition(SEPARATOR)
            at = next(n for n, state in enumerate(states) if state.name == top)
            states[at] = states[at].changed(rest, **change)
        return Chart(
            name,
            states,
            events=(*self.events, *events),
            data=data or self.data,
            late=self.late,
            activities={**self.activities, **(activities or {})},
        )

    # --- building the table --------------------------------------------------------------------

    def _entered_through(self, path: str) -> tuple[str, ...]:
        """The states entered on the way into `path`, outermost first, down to a leaf."""
        entered = [*self.nodes[path].ancestors, path]
        while children := self.nodes[path].state.children:
            path = f"{path}{SEPARATOR}{self.nodes[path].state.initial or children[0].name}"
            entered.append(path)
        return tuple(entered)

    def declarations(self) -> Iterator[tuple[str, str, Reaction, str]]:
        """(source, trigger, answer, where) of every answer, in the order of declaration."""
        for path, node in self.nodes.items():
            for event, answers in node.state.on.items():
                for answer in reactions_of(answers):
                    yield path, event.__name__, answer, f"state {path}, on {event.__name__}"
            for timer, after in node.state.after.items():
                for answer in after_of(after)[1]:
                    yield path, timer_trigger(path, timer), answer, f"state {path}, after {timer}"

    def _ask_the_machine(self) -> dict[str, dict[str, tuple[LeafReaction, ...]]]:
        declared = list(self.declarations())
        rules = []
        for source, trigger, answer, where in declared:
            _check_functions(answer, trigger, where, self.events)
            target = None
            if isinstance(answer, To):
                target = self.resolve(answer.target, why=where)
            elif isinstance(answer, Stay):
                self._check_rearm(source, answer, where)
            rules.append(MachineReaction(trigger, source, target))
        machine = Machine([_for_machine(state) for state in self.states], rules)
        table: dict[str, dict[str, tuple[LeafReaction, ...]]] = {}
        for leaf in self.leaves:
            row = table.setdefault(leaf, {})
            for trigger in dict.fromkeys(rule.trigger for rule in rules):
                edges = []
                for number in machine.tried(leaf, trigger):
                    source, _, answer, _ = declared[number]
                    if isinstance(answer, To):
                        move = machine.move(leaf, trigger, number)
                        edges.append(
                            LeafReaction(
                                source, trigger, answer, move.leaf, move.exits, move.entries
                            )
                        )
                    else:
                        edges.append(LeafReaction(source, trigger, answer, leaf))
                if edges:
                    row[trigger] = tuple(edges)
        return table

    # --- what a chart must hold ----------------------------------------------------------------

    def _check_rearm(self, source: str, answer: Stay, where: str) -> None:
        # The leaf below may own the timer as well, when the parent answers for it.
        near = {p for p in self.nodes if p.startswith(source + SEPARATOR)}
        near |= set(self.nodes[source].lineage)
        known = {t.name for t in self.timers if t.state in near}
        for timer in answer.rearm:
            if timer not in known:
                raise ChartError(f"{where}: rearm names no timer {timer!r} of this state's line")

    def _check_delays(self) -> None:
        for timer in self.timers:
            where = f"state {timer.state}, after {timer.name}"
            if not timer.name.isidentifier():
                raise ChartError(f"{where}: use a plain identifier for a timer's name")
            if callable(timer.delay):
                _check_function(timer.delay, where, None)
                if EVENT in reads(timer.delay):
                    raise ChartError(
                        f"{where}: {named(timer.delay)} must read data or at_us, got event: a "
                        f"delay is computed when its timer starts"
                    )
            elif isinstance(timer.delay, SettingRef):
                if not hasattr(self.data().settings, timer.delay.name):
                    raise ChartError(f"{where}: there is no setting {timer.delay.name!r}")
            elif not isinstance(timer.delay, (int, float)):
                raise ChartError(
                    f"{where}: {timer.delay!r} is no delay; write seconds, a setting or a function"
                )
            elif not 0 <= timer.delay <= MOST:
                raise ChartError(f"{where}: {timer.delay} s is no delay")

    def _check_answers(self) -> None:
        known = set(self.events)
        for path, node in self.nodes.items():
            for made in (*node.state.entry_effects, *node.state.exit_effects):
                if not isinstance(made, Effect):
                    _check_function(made, f"state {path}", None)
            for event in node.state.on:
                if event not in known:
                    raise ChartError(
                        f"state {path} answers {event.__name__}, which is not among the chart's "
                        f"events; add it to Chart(events=...)"
                    )
            for what, answers in [
                *((f"on {e.__name__}", reactions_of(a)) for e, a in node.state.on.items()),
                *((f"after {t}", after_of(a)[1]) for t, a in node.state.after.items()),
            ]:
                for answer in answers[:-1]:
                    if answer.when is None:
                        raise ChartError(
                            f"state {path}, {what}: an answer stands behind one without a guard "
                            f"and can never be given"
                        )
        for leaf in self.leaves:
            if self.is_final(leaf):
                continue
            for event in self.arriving(leaf):
                if not _answered(self.reactions(leaf, event.__name__)):
                    raise ChartError(
                        f"{event.__name__} can arrive in {leaf} and is not answered there; add it "
                        f"to `on` of {leaf} or of a parent: to(...), stay(...), defer(...) or "
                        f"ignore(reason)"
                    )
            for path in self.nodes[leaf].lineage:
                for timer in self.timers_of[path]:
                    if not _answered(self.reactions(leaf, timer.trigger)):
                        raise ChartError(
                            f"state {path}, after {timer.name}: every answer has a guard; when "
                            f"all say no, nothing happens; end with one without a guard"
                        )

    def _check_ancestors(self) -> None:
        for row in self.table.values():
            for edges in row.values():
                for edge in edges:
                    if not isinstance(edge.declared, To) or edge.declared.restart:
                        continue
                    target = self.resolve(edge.declared.target, why=edge.source)
                    if target in self.nodes[edge.source].ancestors:
                        raise ChartError(
                            f"state {edge.source}, {edge.trigger}: going to its own ancestor "
                            f"{target} leaves and re-enters it, with all that it owns; if that is "
                            f"meant, say restart=True"
                        )

    def _check_reachable(self) -> None:
        found: set[str] = set()
        waiting = [self.initial[-1]]
        while waiting:
            leaf = waiting.pop()
            if leaf in found:
                continue
            found.add(leaf)
            waiting += [e.leaf for edges in self.table[leaf].values() for e in edges]
        for leaf in self.leaves:
            if leaf not in found:
                raise ChartError(f"state {leaf} is unreachable: no transition leads there")

    def _check_bounded(self) -> None:
        for leaf in self.leaves:
            if self.is_final(leaf):
                continue
            # The outermost state's timer bounds the whole call, and is no way out of one state.
            within = self.nodes[leaf].lineage[1:] or self.nodes[leaf].lineage
            # A timer fires once a stay: unless its own state is left, it bounds nothing after that.
            if not any(
                all(path in edge.exits for edge in edges) and edges[-1].leaf != leaf
                for path in within
                for timer in self.timers_of[path]
                for edges in [self.reactions(leaf, timer.trigger)]
            ):
                raise ChartError(
                    f"state {leaf} can wait for ever: no `after` of it or of its parents (the "
                    f"outermost does not count) is sure to leave it"
                )

    def _check_circles(self) -> None:
        """No chain of timers of no length comes back to where it began: time would stand still."""
        at_once = {
            leaf: self.reactions(leaf, timer.trigger)[-1].leaf
            for leaf in self.leaves
            for timer in self.timers_of[leaf]
            if timer.delay == 0
        }
        for leaf in at_once:
            chain = [leaf]
            while (following := at_once.get(chain[-1])) is not None:
                if following in chain:
                    raise ChartError(
                        f"states {', '.join(chain)} lead to each other after 0 s: the call would "
                        f"turn in a circle at one instant"
                    )
                chain.append(following)


def _place(states: Sequence[State]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}

    def place(state: State, ancestors: tuple[str, ...]) -> None:
        path = SEPARATOR.join([*ancestors[-1:], state.name])
        if not state.name.isidentifier():
            raise ChartError(f"state name {state.name!r}: use a plain identifier")
        if path in nodes:
            raise ChartError(f"state {path} is declared twice")
        nodes[path] = Node(path, state, ancestors, len(nodes))
        children = [child.name for child in state.children]
        if state.initial is not None and state.initial not in children:
            raise ChartError(f"state {path}: initial {state.initial!r} is not among its children")
        if state.final and (state.children or state.on or state.after or state.activity):
            raise ChartError(f"state {path} is final: nothing can happen in it any more")
        for event in state.on:
            if not isinstance(event, type):
                raise ChartError(f"state {path}, on {event!r}: write the event's class")
        for timer, after in state.after.items():
            if not isinstance(after, tuple) or len(after) != 2:
                raise ChartError(f"state {path}, after {timer}: {after!r} is not (delay, answers)")
        for child in state.children:
            place(child, (*ancestors, path))

    if not states:
        raise ChartError("a chart needs at least one state")
    for state in states:
        place(state, ())
    return nodes


def _check_functions(
    answer: Reaction, trigger: str, where: str, events: Sequence[type[Event]]
) -> None:
    if not isinstance(answer, (To, Stay, Ignore, Defer)):
        raise ChartError(f"{where}: {answer!r} is no answer; use to, stay, ignore or defer")
    event = next((e for e in events if e.__name__ == trigger), TimerFired)
    for function in _functions_of(answer):
        _check_function(function, where, event)


def _functions_of(answer: Reaction) -> Iterator[Callable[..., Any]]:
    if answer.when:
        yield answer.when
    if isinstance(answer, (To, Stay)):
        yield from answer.updates
        yield from (effect for effect in answer.effects if not isinstance(effect, Effect))


def _check_function(function: Callable[..., Any], where: str, event: type[Event] | None) -> None:
    """Check its name, its parameters, and that its annotation allows the event it is used for."""
    # The name of each lambda is `<lambda>`.
    if not getattr(function, "__name__", "").isidentifier():
        raise ChartError(f"{where}: {function!r} has no name to be drawn by; use a def")
    try:
        reads(function)
    except BindingError as error:
        raise ChartError(f"{where}: {error}") from None
    allowed = event_types(function)
    if event is not None and allowed and not issubclass(event, tuple(allowed)):
        names = " or ".join(each.__name__ for each in allowed)
        raise ChartError(
            f"{where}: {named(function)} must take the event {event.__name__}, got a function "
            f"that is annotated with {names}"
        )


def _for_machine(state: State) -> dict[str, object]:
    made: dict[str, object] = {"name": state.name}
    if state.children:
        made["children"] = [_for_machine(child) for child in state.children]
        made["initial"] = state.initial or state.children[0].name
    return made


def _answered(edges: tuple[LeafReaction, ...]) -> bool:
    return any(edge.declared.when is None for edge in edges)


def _described(node: Node) -> list[object]:
    state = node.state
    return [
        node.path,
        state.activity,
        state.initial,
        state.final,
        [_named_effect(e) for e in state.entry_effects],
        [_named_effect(e) for e in state.exit_effects],
        [
            [e.__name__, [_described_answer(a) for a in reactions_of(x)]]
            for e, x in state.on.items()
        ],
        [
            [timer, named(after_of(x)[0]), [_described_answer(a) for a in after_of(x)[1]]]
            for timer, x in state.after.items()
        ],
    ]


def _described_answer(answer: Reaction) -> list[object]:
    kind: list[object] = [type(answer).__name__, answer.when and named(answer.when)]
    if isinstance(answer, To):
        kind += [answer.target, answer.restart]
    if isinstance(answer, Stay):
        kind += [list(answer.rearm)]
    if isinstance(answer, (Ignore, Defer)):
        kind += [answer.reason]
    if isinstance(answer, (To, Stay)):
        kind += [[named(u) for u in answer.updates], [_named_effect(e) for e in answer.effects]]
    return kind


def _named_effect(effect: Any) -> object:
    return [effect.name, effect.described()] if isinstance(effect, Effect) else named(effect)
