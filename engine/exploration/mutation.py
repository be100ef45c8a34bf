"""Mutants of a chart: each has one small mistake that an author could make in a state's file.

A good exploration finds the mistake; `verdict` says in which way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from callchart.engine.chart.chart import Chart
from callchart.engine.chart.decide import Configuration, Occurrence, Step, decide
from callchart.engine.chart.state import Reaction, State, Stay, To, after_of, named, reactions_of
from callchart.engine.exploration.invariants import OVER
from callchart.engine.exploration.moments import Deciding

#: A delay that is longer than any call.
NEVER_S = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Mutant:
    """A chart with one mistake: its description, and a function that builds the chart."""

    mistake: str
    build: Callable[[], Chart]
    deciding: Deciding = decide


def mutants(chart: Chart) -> Iterator[Mutant]:
    """Yield the mutants of one chart, in the order of its declarations."""

    def mutant(mistake: str, path: str, change: Callable[[State], State]) -> Mutant:
        def build() -> Chart:
            states = [_changed(state, path.split("."), change) for state in chart.states]
            return Chart(
                chart.name,
                states,
                events=chart.events,
                data=chart.data,
                late=chart.late,
                activities=chart.activities,
            )

        return Mutant(mistake, build)

    def without_late() -> Chart:
        return Chart(
            chart.name,
            chart.states,
            events=chart.events,
            data=chart.data,
            activities=chart.activities,
        )

    yield Mutant("stale events are acted on", lambda: chart, _acts_on_stale)
    if chart.late is not None:
        yield Mutant("late events are acted on", without_late)
    for path, node in chart.nodes.items():
        for what, change in _mistakes(chart, path, node.state):
            yield mutant(f"{path}: {what}", path, change)


def _mistakes(
    chart: Chart, path: str, state: State
) -> Iterator[tuple[str, Callable[[State], State]]]:
    """Yield (description, change) of each mistake within this state."""
    for event, reactions in state.on.items():
        for what, others in _wrong(chart, path, reactions_of(reactions)):

            def on(one: State, event: Any = event, others: Any = others) -> State:
                kept = {e: r for e, r in one.on.items() if e is not event}
                return replace(one, on={**kept, event: others} if others else kept)

            yield f"on {event.__name__}, {what}", on
    for name, after in state.after.items():
        delay, given = after_of(after)

        def timer(one: State, name: str = name, after: Any = None) -> State:
            kept = {n: a for n, a in one.after.items() if n != name}
            return replace(one, after=kept if after is None else {**kept, name: after})

        yield f"after {name} is gone", timer
        for what, shifted in (("0 s", 0.0), ("never", NEVER_S)):
            if shifted != delay:
                yield f"after {name} is {what}", partial(timer, after=(shifted, given))
        for what, others in _wrong(chart, path, given):
            if others:
                yield f"after {name}, {what}", partial(timer, after=(delay, others))
    for n, effect in enumerate(state.entry_effects):
        entry = state.entry_effects[:n] + state.entry_effects[n + 1 :]
        yield f"on entry, no {named(effect)}", partial(_with, entry=entry)
    for n, effect in enumerate(state.exit_effects):
        left = state.exit_effects[:n] + state.exit_effects[n + 1 :]
        yield f"on exit, no {named(effect)}", partial(_with, exit=left)


def _with(state: State, **changes: Any) -> State:
    return replace(state, **changes)


def _wrong(
    chart: Chart, path: str, reactions: tuple[Reaction, ...]
) -> Iterator[tuple[str, tuple[Reaction, ...]]]:
    """Yield (description, reactions) for each mistake in the reactions to one trigger."""
    for n, reaction in enumerate(reactions):
        before, after = reactions[:n], reactions[n + 1 :]
        which = f"reaction {n + 1}" if len(reactions) > 1 else "its reaction"
        yield f"{which} is gone", (*before, *after)
        if isinstance(reaction, To):
            yield (
                f"{which} leads to {(other := _other_leaf(chart, path, reaction))}",
                (*before, replace(reaction, target=other), *after),
            )
        if isinstance(reaction, (To, Stay)):
            for m, update in enumerate(reaction.updates):
                rest = reaction.updates[:m] + reaction.updates[m + 1 :]
                wrong = replace(reaction, updates=rest)
                yield f"{which} without {named(update)}", (*before, wrong, *after)
            for effect in reaction.effects:
                others = tuple(e for e in reaction.effects if e is not effect)
                wrong = replace(reaction, effects=others)
                yield f"{which} without {named(effect)}", (*before, wrong, *after)


def _other_leaf(chart: Chart, path: str, reaction: To) -> str:
    """Return the leaf that follows the target in the order of declaration."""
    target = chart.resolve(reaction.target, why=path)
    leaf = next(leaf for leaf in chart.leaves if f"{leaf}.".startswith(f"{target}."))
    place = chart.leaves.index(leaf)
    return chart.leaves[(place + 1) % len(chart.leaves)]


def _changed(state: State, path: Sequence[str], change: Callable[[State], State]) -> State:
    if state.name != path[0]:
        return state
    if len(path) == 1:
        return change(state)
    children = tuple(_changed(child, path[1:], change) for child in state.children)
    return replace(state, children=children)


def _acts_on_stale(
    chart: Chart, configuration: Configuration, data: Any, occurrence: Occurrence
) -> Step:
    if occurrence.activation != OVER:
        return decide(chart, configuration, data, occurrence)
    step = decide(chart, configuration, data, replace(occurrence, activation=None))
    return replace(step, occurrence=occurrence)
