"""The diagram's model: what a chart declares, as names and texts that every renderer shares.

It is read off the very `Chart` that runs. Nothing here knows a picture's shape or a file's format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from callchart.engine.chart.chart import Chart, LeafReaction, TimerSpec, timer_trigger
from callchart.engine.chart.machine import SEPARATOR
from callchart.engine.chart.state import (
    Defer,
    Ignore,
    Reaction,
    Stay,
    To,
    after_of,
    named,
    reactions_of,
)
from callchart.engine.settings import SettingRef

Kind = Literal["to", "stay", "ignore", "defer"]
KINDS: Mapping[type[Reaction], Kind] = {To: "to", Stay: "stay", Ignore: "ignore", Defer: "defer"}


@dataclass(frozen=True, slots=True)
class Timer:
    """An `after`: where its delay comes from, and how long it is by default.

    `source` is a setting's or a function's name, "" where a number stands in the chart itself;
    `value` is "6 s", "" where it is computed during the call."""

    name: str
    source: str
    value: str

    @property
    def short(self) -> str:
        """The name and the length, where it is known beforehand: "no_input 6 s"."""
        return f"{self.name} {self.value}".rstrip()

    @property
    def full(self) -> str:
        """Everything: "filler: filler_after = 0 s", "no_input = 6 s", "settle = 0 s"."""
        if not self.value:
            return f"{self.name}: {self.source}()"
        via = f": {self.source}" if self.source not in ("", self.name) else ""
        return f"{self.name}{via} = {self.value}"


@dataclass(frozen=True, slots=True)
class StateNode:
    """A state as it is drawn. `name` is the shortest end of its path that no other state has."""

    path: str
    name: str
    doc: str
    parent: str | None
    lineage: tuple[str, ...]
    children: tuple[str, ...]
    initial: str | None
    final: bool
    activity: str | None
    entry: tuple[str, ...]
    exit: tuple[str, ...]
    timers: tuple[Timer, ...]

    @property
    def title(self) -> str:
        """Its own name, as its declaration says it."""
        return self.path.rpartition(SEPARATOR)[2]


@dataclass(frozen=True, slots=True)
class DrawnReaction:
    """One declared answer: in `source`, on `trigger` (an event's or one of its timers' name).

    `target` is a path where `kind` is "to". `number` counts the answers to one trigger from 0: one
    without a guard that is not the first means "else"."""

    source: str
    trigger: str
    timer: Timer | None
    kind: Kind
    number: int
    guard: str | None
    target: str | None
    updates: tuple[str, ...]
    effects: tuple[str, ...]
    rearm: tuple[str, ...]
    reason: str

    @property
    def condition(self) -> str:
        """The guard as UML writes it; "[else]" behind others; "" where there is no choice."""
        if self.guard is not None:
            return f"[{self.guard}]"
        return "[else]" if self.number else ""

    @property
    def action(self) -> str:
        """What is done with it, in order: updates, effects, timers started afresh."""
        return ", ".join(
            (*self.updates, *self.effects, *(f"rearm {timer}" for timer in self.rearm))
        )


@dataclass(frozen=True, slots=True)
class Diagram:
    """A whole chart: its states in the order of declaration, and every declared answer.

    `in_leaf` holds, for each leaf and each event or timer that can come up there, the answers that
    are tried, in order, up to the first that is sure to be given."""

    title: str
    roots: tuple[str, ...]
    states: Mapping[str, StateNode]
    reactions: tuple[DrawnReaction, ...]
    in_leaf: Mapping[str, Mapping[str, tuple[DrawnReaction, ...]]]

    @property
    def transitions(self) -> tuple[DrawnReaction, ...]:
        """The answers that are drawn as arrows."""
        return tuple(r for r in self.reactions if r.kind == "to")

    @property
    def leaves(self) -> tuple[str, ...]:
        return tuple(p for p, state in self.states.items() if not state.children)

    def entered_at(self, path: str) -> str:
        """The leaf in which entering the state ends."""
        inner = self.states[path].initial
        return path if inner is None else self.entered_at(inner)

    @property
    def beginning(self) -> str:
        """The leaf in which everything begins."""
        return self.entered_at(self.roots[0])

    def name(self, path: str) -> str:
        return self.states[path].name

    def lineage(self, path: str) -> tuple[str, ...]:
        """The state and its ancestors, outermost first."""
        return self.states[path].lineage

    def within(self, path: str, outer: str) -> bool:
        """Is it `outer`, or somewhere inside?"""
        return outer in self.lineage(path)

    def inside(self, outer: str) -> tuple[str, ...]:
        """The leaves of a compound state; of a leaf, itself."""
        return tuple(leaf for leaf in self.leaves if self.within(leaf, outer))


def diagram_of(chart: Chart) -> Diagram:
    """The chart's diagram. Delays are shown with the defaults of the chart's own settings."""
    defaults = chart.data().settings
    names = _short_names(chart.nodes)
    timers = {spec.trigger: _timer(spec, defaults) for spec in chart.timers}
    states = {}
    for path, node in chart.nodes.items():
        state = node.state
        children = tuple(f"{path}{SEPARATOR}{child.name}" for child in state.children)
        first = f"{path}{SEPARATOR}{state.initial}" if state.initial else next(iter(children), None)
        states[path] = StateNode(
            path,
            names[path],
            (state.doc or "").strip(),
            node.ancestors[-1] if node.ancestors else None,
            node.lineage,
            children,
            first,
            state.final,
            state.activity,
            tuple(map(named, state.entry_effects)),
            tuple(map(named, state.exit_effects)),
            tuple(timers[spec.trigger] for spec in chart.timers_of[path]),
        )
    declared: dict[tuple[str, str], tuple[tuple[Reaction, DrawnReaction], ...]] = {}
    for path, node in chart.nodes.items():
        answers = [(event.__name__, reactions_of(a)) for event, a in node.state.on.items()]
        answers += [
            (timer_trigger(path, name), after_of(a)[1]) for name, a in node.state.after.items()
        ]
        for trigger, given in answers:
            declared[path, trigger] = tuple(
                (answer, _reaction(chart, path, trigger, timers.get(trigger), answer, n))
                for n, answer in enumerate(given)
            )

    def tried(edges: Sequence[LeafReaction]) -> tuple[DrawnReaction, ...]:
        # The chart was checked: whatever can come up has an answer without a guard.
        sure = next(n for n, edge in enumerate(edges) if edge.declared.when is None)
        return tuple(
            next(r for a, r in declared[edge.source, edge.trigger] if a is edge.declared)
            for edge in edges[: sure + 1]
        )

    in_leaf = {}
    for leaf in chart.leaves:
        arriving = [] if chart.is_final(leaf) else [e.__name__ for e in chart.arriving(leaf)]
        due = [spec.trigger for spec in chart.timers if spec.state in chart.nodes[leaf].lineage]
        in_leaf[leaf] = MappingProxyType(
            {trigger: tried(chart.reactions(leaf, trigger)) for trigger in (*arriving, *due)}
        )
    return Diagram(
        chart.name,
        tuple(path for path, node in chart.nodes.items() if not node.ancestors),
        MappingProxyType(states),
        tuple(r for given in declared.values() for _, r in given),
        MappingProxyType(in_leaf),
    )


def _short_names(paths: Iterable[str]) -> dict[str, str]:
    known = list(paths)
    names = {}
    for path in known:
        parts = path.split(SEPARATOR)
        ends = (SEPARATOR.join(parts[-n:]) for n in range(1, len(parts) + 1))
        # A path that is itself the end of a longer one has no unique end: it keeps its own name.
        names[path] = next(
            (end for end in ends if [p for p in known if f".{p}".endswith(f".{end}")] == [path]),
            path,
        )
    return names


def _timer(spec: TimerSpec, defaults: Any) -> Timer:
    if isinstance(spec.delay, SettingRef):
        return Timer(spec.name, spec.delay.name, f"{getattr(defaults, spec.delay.name):g} s")
    if isinstance(spec.delay, (int, float)):
        return Timer(spec.name, "", f"{spec.delay:g} s")
    return Timer(spec.name, named(spec.delay), "")


def _reaction(
    chart: Chart,
    source: str,
    trigger: str,
    timer: Timer | None,
    answer: Reaction,
    number: int,
) -> DrawnReaction:
    target, reason = None, ""
    updates: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    rearm: tuple[str, ...] = ()
    if isinstance(answer, (To, Stay)):
        updates, effects = tuple(map(named, answer.updates)), tuple(map(named, answer.effects))
    if isinstance(answer, To):
        target = chart.resolve(answer.target, why=f"state {source}, {trigger}")
    if isinstance(answer, Stay):
        rearm = answer.rearm
    if isinstance(answer, (Ignore, Defer)):
        reason = answer.reason
    return DrawnReaction(
        source,
        timer.name if timer else trigger,
        timer,
        KINDS[type(answer)],
        number,
        named(answer.when) if answer.when else None,
        target,
        updates,
        effects,
        rearm,
        reason,
    )
