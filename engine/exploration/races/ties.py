"""Ties: two occurrences at one instant, decided in both orders.

At one instant, the call's loop takes events before timers, events in the order in which they were
posted, and timers in the order of declaration. One microsecond of delay gives the other order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

from callchart.engine.chart.chart import Chart
from callchart.engine.chart.decide import Occurrence, Outcome, Step, decide, next_occurrence
from callchart.engine.chart.state import Effect, named
from callchart.engine.events import TimerFired
from callchart.engine.exploration.races.reachable import (
    PossibleOccurrence,
    ReachableState,
    reachable_states,
)


@dataclass(frozen=True, slots=True)
class RaceOutcome:
    """The outcome of one of the two occurrences: the leaf it leads to, and the guard that said yes.

    `what` is the value of an `Outcome`; or "cancelled" or "restarted" for a timer that the other
    occurrence cancelled or restarted; or "over" if the call had ended."""

    what: str
    leaf: str = ""
    guard: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """The result of one order: the outcomes of both occurrences, and the call after the instant.

    An occurrence that is deferred and offered again has several outcomes. `commands` are effects,
    in order. At the end of the instant no recalled event and no due timer remains."""

    outcomes: tuple[tuple[RaceOutcome, ...], tuple[RaceOutcome, ...]]
    leaf: str
    data: Any
    commands: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Tie:
    """Two occurrences in one state, and the results of both orders."""

    state: ReachableState
    one: PossibleOccurrence
    other: PossibleOccurrence
    one_first: Order
    other_first: Order

    @property
    def triggers(self) -> tuple[str, str]:
        return self.one.trigger, self.other.trigger

    @property
    def differs_in(self) -> tuple[str, ...]:
        """The difference: "state", "commands", or names of fields of the data; () for none."""
        a, b = self.one_first, self.other_first
        if a.leaf != b.leaf:
            return ("state",)
        if Counter(map(repr, a.commands)) != Counter(map(repr, b.commands)):
            return ("commands",)
        if a.data == b.data:
            return ()
        return tuple(
            f.name for f in fields(a.data) if getattr(a.data, f.name) != getattr(b.data, f.name)
        )


def ties(chart: Chart) -> Iterator[Tie]:
    """Yield one tie for each two triggers in each leaf and each combination of guards' answers."""
    known = set()
    for state in reachable_states(chart):
        step = state.step
        deferred = tuple(type(o.event) for o in step.after.deferred)
        steps = [(h, decide(chart, step.after, step.data, h.occurrence)) for h in state.possible]
        for (one, after_one), (other, after_other) in combinations(steps, 2):
            kind = state.leaf, deferred, one.kind, other.kind
            if one.trigger == other.trigger or kind in known:
                continue
            known.add(kind)
            yield Tie(
                state,
                one,
                other,
                _order(chart, after_one, one.occurrence, other.occurrence),
                _order(chart, after_other, other.occurrence, one.occurrence),
            )


def _order(chart: Chart, after: Step, first: Occurrence, second: Occurrence) -> Order:
    """Return the result of one order; `after` is the step of the first occurrence."""
    instant = _Instant(chart, after, (first, second))
    instant.recall()
    instant.take_second()
    instant.end()
    return instant.order()


class _Instant:
    """One instant of a call, step by step, in one order."""

    def __init__(self, chart: Chart, step: Step, both: tuple[Occurrence, Occurrence]) -> None:
        self._chart, self._both = chart, both
        self._outcomes: tuple[list[RaceOutcome], list[RaceOutcome]] = ([], [])
        self._commands: list[Effect] = []
        self._took(step)

    def _took(self, step: Step) -> None:
        self._step = step
        self._commands += (*step.exit_effects, *step.effects, *step.entry_effects)
        for occurrence, outcomes in zip(self._both, self._outcomes, strict=True):
            if occurrence.event is step.event:
                outcomes.append(_outcome(step))

    def _take(self, occurrence: Occurrence) -> None:
        here = self._step
        self._took(decide(self._chart, here.after, here.data, occurrence))

    def recall(self) -> None:
        while self._step.after.recalled:
            self._take(self._step.after.recalled[0])

    def take_second(self) -> None:
        second, here = self._both[1], self._step
        gone = self._gone(second)
        if self._chart.is_final(here.after.leaf):
            gone = "over"
        if gone:
            self._outcomes[1].append(RaceOutcome(gone))
        else:
            self._take(second)

    def _gone(self, second: Occurrence) -> str:
        """Return "cancelled" or "restarted" if the first occurrence did that to this timer."""
        event = second.event
        if not isinstance(event, TimerFired):
            return ""
        for timer in self._step.after.timers:
            if (timer.state, timer.name, timer.activation) == (
                event.state,
                event.timer,
                second.activation,
            ):
                started = {(state, name) for state, name, _ in self._step.started}
                return "restarted" if (event.state, event.timer) in started else ""
        return "cancelled"

    def end(self) -> None:
        """Take all timers that are due at this instant."""
        while (
            next_due := next_occurrence(self._step.after)
        ) is not None and next_due.at_us <= self._step.at_us:
            self._take(next_due)

    def order(self) -> Order:
        first, second = map(tuple, self._outcomes)
        return Order((first, second), self._step.after.leaf, self._step.data, tuple(self._commands))


def _outcome(step: Step) -> RaceOutcome:
    answer = step.reaction.declared if step.reaction else None
    guard = named(answer.when) if answer and answer.when else ""
    leaf = step.after.leaf if step.outcome is Outcome.TAKEN else ""
    return RaceOutcome(step.outcome.value, leaf, guard)
