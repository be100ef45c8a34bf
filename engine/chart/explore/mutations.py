"""Mutations of a chart: each one small mistake that somebody could make in a state's file.

An exploration that is worth its name finds them: `verdict` says how."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

from engine.chart.chart import Chart, ChartError
from engine.chart.decide import Configuration, Occurrence, Step, decide
from engine.chart.explore.alone import leave_alone
from engine.chart.explore.explorer import Exploration
from engine.chart.explore.happenings import Deciding
from engine.chart.explore.model import Model
from engine.chart.explore.rules import OVER
from engine.chart.state import Answer, State, Stay, To, after_of, answers_of, named

#: Seconds: longer than any call.
NEVER = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Mutant:
    """A chart with one mistake: what it is, and how the chart is built with it."""

    mistake: str
    build: Callable[[], Chart]
    deciding: Deciding = decide


class Caught(StrEnum):
    """How a mistake was found."""

    REFUSED = "refused when the chart is built"
    BROKEN = "a property is broken"
    UNEXPLORED = "a declared answer is never given any more"
    DIFFERENT = "the call takes other ways"
    SURVIVED = "not at all"


@dataclass(frozen=True)
class Portrait:
    """What can be told of an exploration: two that differ in it are of different charts."""

    #: (leaf, trigger, outcome, leaf, what the step does): as text.
    ways: frozenset[str]
    #: Where an answer was given, and to what.
    given: frozenset[tuple[str, str]]
    #: How long a call lasts that is left alone (s).
    alone: float

    @classmethod
    def of(cls, exploration: Exploration) -> Portrait:
        """Of an exploration that is complete."""
        alone = leave_alone(exploration)
        ways = set()
        stands = {
            e.number: f"{e.leaf} {[t.name for t in e.timers]} {e.standing.data}"
            for e in exploration.explored
        }
        for way in exploration.went:
            began = [slot for slot in way.slots if isinstance(slot, tuple)]
            what = f"{way.trigger} {way.outcome} {way.does} {began}"
            ways.add(f"{what} -> {stands[way.to]}")
        given = frozenset((e.source, e.trigger) for e in exploration.taken)
        return cls(frozenset(ways), given, alone)

    def differs_from(self, usual: Portrait) -> tuple[Caught, str]:
        """How one can tell it apart, and by what."""
        for source, trigger in sorted(usual.given - self.given):
            return Caught.UNEXPLORED, f"{source}, {trigger}"
        for way in sorted(self.ways ^ usual.ways):
            return Caught.DIFFERENT, way
        return Caught.SURVIVED, ""


def mutants(chart: Chart) -> Iterator[Mutant]:
    """All of one chart, in the order of its declarations."""

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


def verdict(
    mutant: Mutant, worlds: Sequence[Callable[[Chart], Model]], usual: Sequence[Portrait]
) -> tuple[Caught, str]:
    """How it is found, and by what; explored in these worlds, `usual` being what the chart without
    a mistake comes to in each."""
    try:
        chart = mutant.build()
    except ChartError as hole:
        return Caught.REFUSED, str(hole)
    different: tuple[Caught, str] = Caught.SURVIVED, ""
    for world, before in zip(worlds, usual, strict=True):
        exploration = Exploration(chart, world(chart), stop_at_first=True, deciding=mutant.deciding)
        deque(exploration.run(), maxlen=0)  # to its end
        portrait = Portrait.of(exploration) if not exploration.violations else None
        if portrait is None or exploration.violations:
            violation = exploration.violations[0]
            return Caught.BROKEN, f"{violation.name}: {violation.how}"
        if different[0] is Caught.SURVIVED:
            different = portrait.differs_from(before)
    return different


def _mistakes(
    chart: Chart, path: str, state: State
) -> Iterator[tuple[str, Callable[[State], State]]]:
    """(what, the change) of each mistake in this state alone."""
    for event, answers in state.on.items():
        for what, others in _wrong(chart, path, answers_of(answers)):

            def on(one: State, event: Any = event, others: Any = others) -> State:
                kept = {e: a for e, a in one.on.items() if e is not event}
                return replace(one, on={**kept, event: others} if others else kept)

            yield f"on {event.__name__}, {what}", on
    for name, after in state.after.items():
        delay, given = after_of(after)

        def timer(one: State, name: str = name, after: Any = None) -> State:
            kept = {n: a for n, a in one.after.items() if n != name}
            return replace(one, after=kept if after is None else {**kept, name: after})

        yield f"after {name} is gone", timer
        for what, shifted in (("0 s", 0.0), ("never", NEVER)):
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
    chart: Chart, path: str, answers: tuple[Answer, ...]
) -> Iterator[tuple[str, tuple[Answer, ...]]]:
    """Answers with one mistake in them."""
    for n, answer in enumerate(answers):
        before, behind = answers[:n], answers[n + 1 :]
        which = f"answer {n + 1}" if len(answers) > 1 else "its answer"
        yield f"{which} is gone", (*before, *behind)
        if isinstance(answer, To):
            yield (
                f"{which} leads to {(other := _elsewhere(chart, path, answer))}",
                (*before, replace(answer, target=other), *behind),
            )
        if isinstance(answer, (To, Stay)):
            for m, update in enumerate(answer.updates):
                rest = answer.updates[:m] + answer.updates[m + 1 :]
                wrong = replace(answer, updates=rest)
                yield f"{which} without {named(update)}", (*before, wrong, *behind)
            for effect in answer.effects:
                others = tuple(e for e in answer.effects if e is not effect)
                wrong = replace(answer, effects=others)
                yield f"{which} without {named(effect)}", (*before, wrong, *behind)


def _elsewhere(chart: Chart, path: str, answer: To) -> str:
    """The leaf after the one that it leads to, in the order of declaration."""
    target = chart.resolve(answer.target, why=path)
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
