"""The diagram of a chart: its declarations as names and texts, for every renderer.

`diagram_of` builds it from the `Chart` that runs. Shapes and file formats belong to the renderers.
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
    """A timer of a state, as it is drawn.

    `source` is the name of the setting or the function of its delay, or "" for a number. `value` is
    the default, such as "6 s", or "" for a function."""

    name: str
    source: str
    value: str

    @property
    def short(self) -> str:
        """The name and the default: "no_input 6 s"."""
        return f"{self.name} {self.value}".rstrip()

    @property
    def full(self) -> str:
        """The whole timer: "filler: filler_after = 0 s", "no_input = 6 s", "settle = 0 s"."""
        if not self.value:
            return f"{self.name}: {self.source}()"
        via = f": {self.source}" if self.source not in ("", self.name) else ""
        return f"{self.name}{via} = {self.value}"


@dataclass(frozen=True, slots=True)
class StateNode:
    """A state as it is drawn. `name` is the shortest end of its full name that is unique."""

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
    #: Lines about the state, for an overview.
    summary: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The last part of the full name."""
        return self.path.rpartition(SEPARATOR)[2]


@dataclass(frozen=True, slots=True)
class DrawnReaction:
    """One declared reaction of the state `source` to `trigger`, the name of an event or a timer.

    `target` is the full name of a state if `kind` is "to". `number` counts the reactions to one
    trigger from 0: a later one without a guard means "else". `event` is the name of the event, or
    `timer_event`. `id` is unique in the chart: "call.listening/SpeechStarted/0",
    "call/after.longest_call/1"."""

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
    event: str
    id: str

    @property
    def condition(self) -> str:
        """The guard as UML writes it; without one, "[else]" after other reactions, or ""."""
        if self.guard is not None:
            return f"[{self.guard}]"
        return "[else]" if self.number else ""

    @property
    def action(self) -> str:
        """The updates, the effects and the timers that are started again, in order."""
        return ", ".join(
            (*self.updates, *self.effects, *(f"rearm {timer}" for timer in self.rearm))
        )


def timer_event(state: str, timer: str) -> str:
    """Return the name of the event that a timer raises in SCXML.

    In SCXML, a transition on `a.b` also matches the event `a.b.c`. The hyphen prevents this: a
    state's name is an identifier, so it never contains one."""
    return f"after.{state}-{timer}"


@dataclass(frozen=True, slots=True)
class Diagram:
    """A whole chart: its states in the order of declaration, and every declared reaction.

    `in_leaf` holds, for each leaf and each event or timer that can come there, the reactions that
    are tried, in order, up to the first without a guard. `overview` are the states of the
    smallest picture. `base` is the diagram of the chart that this one extends."""

    title: str
    roots: tuple[str, ...]
    states: Mapping[str, StateNode]
    reactions: tuple[DrawnReaction, ...]
    in_leaf: Mapping[str, Mapping[str, tuple[DrawnReaction, ...]]]
    overview: tuple[str, ...] = ()
    base: Diagram | None = None

    @property
    def transitions(self) -> tuple[DrawnReaction, ...]:
        """The reactions that are drawn as arrows."""
        return tuple(r for r in self.reactions if r.kind == "to")

    @property
    def leaves(self) -> tuple[str, ...]:
        """The full names of the states without children."""
        return tuple(p for p, state in self.states.items() if not state.children)

    @property
    def frames(self) -> tuple[str, ...]:
        """The states that are drawn as frames, outermost first.

        A frame has at least five leaves inside it, and at least a third of all leaves. An extended
        chart has the frames of its base."""
        if self.base is not None:
            return self.base.frames
        enough = max(5.0, len(self.leaves) / 3)
        return tuple(p for p in self.states if len(self.inside(p)) >= enough)

    @property
    def blocks(self) -> tuple[str, ...]:
        """The states that are drawn as blocks: others at the top level or directly in a frame."""
        frames = self.frames
        around = (None, *frames)
        return tuple(
            p for p, state in self.states.items() if p not in frames and state.parent in around
        )

    @property
    def added(self) -> tuple[str, ...]:
        """The outermost states that the base does not have."""
        if self.base is None:
            return ()
        own = {path for path in self.states if path not in self.base.states}
        return tuple(path for path in self.states if {*self.lineage(path)} & own == {path})

    def entered_at(self, path: str) -> str:
        """Return the leaf that the call is in after it enters the state."""
        inner = self.states[path].initial
        return path if inner is None else self.entered_at(inner)

    @property
    def beginning(self) -> str:
        """The leaf in which a call begins."""
        return self.entered_at(self.roots[0])

    def name(self, path: str) -> str:
        """Return the short name of the state."""
        return self.states[path].name

    def lineage(self, path: str) -> tuple[str, ...]:
        """Return the state and its ancestors, outermost first."""
        return self.states[path].lineage

    def within(self, path: str, outer: str) -> bool:
        """Return True if the state is `outer`, or inside it."""
        return outer in self.lineage(path)

    def inside(self, outer: str) -> tuple[str, ...]:
        """Return the leaves inside a compound state; for a leaf, return the leaf."""
        return tuple(leaf for leaf in self.leaves if self.within(leaf, outer))


def diagram_of(chart: Chart) -> Diagram:
    """Return the diagram of a chart. Delays have the defaults of the chart's own settings."""
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
        given_to = [(event.__name__, reactions_of(a)) for event, a in node.state.on.items()]
        given_to += [
            (timer_trigger(path, name), after_of(a)[1]) for name, a in node.state.after.items()
        ]
        for trigger, given in given_to:
            declared[path, trigger] = tuple(
                (reaction, _reaction(chart, path, trigger, timers.get(trigger), reaction, n))
                for n, reaction in enumerate(given)
            )

    def tried(edges: Sequence[LeafReaction]) -> tuple[DrawnReaction, ...]:
        # The chart was checked: each trigger has a reaction without a guard.
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
        chart.overview,
        diagram_of(chart.base) if chart.base else None,
    )


def _short_names(paths: Iterable[str]) -> dict[str, str]:
    known = list(paths)
    names = {}
    for path in known:
        parts = path.split(SEPARATOR)
        ends = (SEPARATOR.join(parts[-n:]) for n in range(1, len(parts) + 1))
        # A full name that is an end of a longer one has no unique end: it stays whole.
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
    reaction: Reaction,
    number: int,
) -> DrawnReaction:
    target, reason = None, ""
    updates: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    rearm: tuple[str, ...] = ()
    if isinstance(reaction, (To, Stay)):
        updates, effects = tuple(map(named, reaction.updates)), tuple(map(named, reaction.effects))
    if isinstance(reaction, To):
        target = chart.resolve(reaction.target, why=f"state {source}, {trigger}")
    if isinstance(reaction, Stay):
        rearm = reaction.rearm
    if isinstance(reaction, (Ignore, Defer)):
        reason = reaction.reason
    return DrawnReaction(
        source,
        timer.name if timer else trigger,
        timer,
        KINDS[type(reaction)],
        number,
        named(reaction.when) if reaction.when else None,
        target,
        updates,
        effects,
        rearm,
        reason,
        timer_event(source, timer.name) if timer else trigger,
        f"{source}/after.{timer.name}/{number}" if timer else f"{source}/{trigger}/{number}",
    )
