"""`decide`: from this configuration, on this occurrence, what now? Pure, and all of it.

A `Step` is one macrostep as a value: where the call stands afterwards, what is left and entered,
and the effects to carry out, in order. Nothing has happened yet when it is returned.

Order within a step: the guards are asked, in order, with the data as it was; the exit effects are
made with the data as it was; the updates follow each other; transition effects, entry effects and
new timers' delays see the data as it will be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from callchart.engine.chart.binding import bound
from callchart.engine.chart.chart import Chart, ChartError, LeafReaction, TimerSpec, timer_trigger
from callchart.engine.chart.state import (
    Defer,
    Delay,
    Effect,
    EffectSource,
    Guard,
    Stay,
    To,
    named,
)
from callchart.engine.data import CallData
from callchart.engine.events import CallStarted, Event, TimerFired
from callchart.engine.settings import SettingRef


class Outcome(StrEnum):
    """What became of an event."""

    TAKEN = "taken"  # a transition: states were left and entered
    STAYED = "stayed"  # answered without leaving the state
    IGNORED = "ignored"  # for the reason that the chart gives
    DEFERRED = "deferred"  # kept for the next state
    STALE = "stale"  # from a stay in a state that is over
    LATE = "late"  # speaks of something that is over and done


@dataclass(frozen=True, slots=True)
class Active:
    """A state that is active, and the number of this stay in it."""

    state: str
    activation: int


@dataclass(frozen=True, slots=True)
class RunningTimer:
    """A timer that runs, of one stay in a state. Ordered by deadline (us), then by declaration."""

    deadline_us: int
    order: int
    state: str
    name: str
    activation: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event as it arrived: when (us since the call began), and from which activity's stay.

    `activation` is None for what comes from outside: it is never stale."""

    at_us: int
    event: Event
    activation: int | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where a call stands: the active states outermost first, its timers, what it put off.

    `recalled` are deferred occurrences that are offered again, before anything else is taken."""

    active: tuple[Active, ...]
    timers: tuple[RunningTimer, ...] = ()
    deferred: tuple[Occurrence, ...] = ()
    recalled: tuple[Occurrence, ...] = ()
    activations: int = 0

    @property
    def leaf(self) -> str:
        """The innermost active state's full name: "the state" of the call."""
        return self.active[-1].state if self.active else ""

    def activation(self, state: str) -> int | None:
        """The number of the present stay in `state`, if it is active."""
        return next((a.activation for a in self.active if a.state == state), None)


@dataclass(frozen=True, slots=True)
class Step:
    """One macrostep, decided and not yet carried out."""

    occurrence: Occurrence
    outcome: Outcome
    before: Configuration
    after: Configuration
    data: Any
    exits: tuple[Active, ...] = ()
    entries: tuple[Active, ...] = ()
    exit_effects: tuple[Effect, ...] = ()
    effects: tuple[Effect, ...] = ()
    entry_effects: tuple[Effect, ...] = ()
    #: The guards asked, in order, and what they said.
    guards: tuple[tuple[str, bool], ...] = ()
    #: Timers started by this step, as (state, timer, delay in us).
    started: tuple[tuple[str, str, int], ...] = ()
    reaction: LeafReaction | None = None

    @property
    def event(self) -> Event:
        return self.occurrence.event

    @property
    def at_us(self) -> int:
        """Microseconds since the call began."""
        return self.occurrence.at_us


class Evaluator:
    """Reactions a step's questions to the chart's functions: guards, delays, lateness.

    The ordinary evaluator calls them. A replay of a redacted journal puts one in that reads the
    journal's answers, because the words that they depend on are gone."""

    def guard(self, guard: Guard, data: Any, event: Event, at_us: int) -> bool:
        return bool(bound(guard)(data, event, at_us))

    def delay(self, timer: TimerSpec, data: Any, at_us: int) -> int:
        """Microseconds."""
        return microseconds(timer.delay, data, at_us)

    def late(self, late: Callable[[Any, Event], bool], data: Any, event: Event) -> bool:
        return late(data, event)


def microseconds(delay: Delay, data: Any, at_us: int) -> int:
    """A delay in whole microseconds; below zero counts as zero."""
    if isinstance(delay, SettingRef):
        seconds: float = getattr(data.settings, delay.name)
    else:
        seconds = bound(delay)(data, None, at_us) if callable(delay) else delay
    return max(0, round(seconds * 1_000_000))


LIVE = Evaluator()


def begin(chart: Chart, data: Any, *, evaluator: Evaluator = LIVE) -> Step:
    """The first step of a call, at moment 0: the initial states are entered."""
    start = Occurrence(0, CallStarted())
    made = StepBuilder(chart, Configuration(()), data, start, evaluator)
    made.enter(chart.initial)
    return made.step(Outcome.TAKEN)


def decide(
    chart: Chart,
    configuration: Configuration,
    data: Any,
    occurrence: Occurrence,
    *,
    evaluator: Evaluator = LIVE,
) -> Step:
    """One macrostep. Pure: the same arguments give an equal step, in any process, at any time."""
    made = StepBuilder(chart, configuration, data, occurrence, evaluator)
    event, leaf = occurrence.event, configuration.leaf
    if made.is_stale():
        return made.step(Outcome.STALE)
    if chart.late is not None and evaluator.late(chart.late, data, event):
        return made.step(Outcome.LATE)
    if isinstance(event, TimerFired):
        trigger = timer_trigger(event.state, event.timer)
    else:
        trigger = type(event).__name__
    for edge in chart.reactions(leaf, trigger):
        if edge.declared.when is None or made.ask(edge.declared.when):
            return made.take(edge)
    if chart.is_final(leaf):
        return made.step(Outcome.STALE)  # the call is over
    raise ChartError(f"{trigger} happened in {leaf}, and is not among the events of this chart")


def next_occurrence(configuration: Configuration) -> Occurrence | None:
    """What happens next if nothing else does: a recalled event, or the earliest timer."""
    if configuration.recalled:
        return configuration.recalled[0]
    if not configuration.timers:
        return None
    timer = configuration.timers[0]
    return Occurrence(timer.deadline_us, TimerFired(timer.state, timer.name), timer.activation)


class StepBuilder:
    """A step in the making. Local to one decision; what leaves this module is frozen."""

    def __init__(
        self,
        chart: Chart,
        before: Configuration,
        data: Any,
        occurrence: Occurrence,
        evaluator: Evaluator,
    ) -> None:
        self.chart, self.before, self.data, self.evaluator = chart, before, data, evaluator
        self.occurrence, self.event, self.at_us = occurrence, occurrence.event, occurrence.at_us
        self.active = before.active
        self.timers = before.timers
        self.deferred = before.deferred
        self.recalled = before.recalled
        self.activations = before.activations
        self.exits: tuple[Active, ...] = ()
        self.entries: tuple[Active, ...] = ()
        self.exit_effects: tuple[Effect, ...] = ()
        self.effects: tuple[Effect, ...] = ()
        self.entry_effects: tuple[Effect, ...] = ()
        self.guards: list[tuple[str, bool]] = []
        self.started: list[tuple[str, str, int]] = []
        self.reaction: LeafReaction | None = None
        if self.recalled and self.recalled[0] == occurrence:
            self.recalled = self.recalled[1:]
        if isinstance(self.event, TimerFired):
            self.timers = tuple(
                t
                for t in self.timers
                if (t.state, t.name, t.activation)
                != (self.event.state, self.event.timer, occurrence.activation)
            )

    def is_stale(self) -> bool:
        activation = self.occurrence.activation
        return activation is not None and all(a.activation != activation for a in self.active)

    def ask(self, guard: Guard) -> bool:
        answer = self.evaluator.guard(guard, self.data, self.event, self.at_us)
        self.guards.append((named(guard), answer))
        return answer

    def take(self, edge: LeafReaction) -> Step:
        self.reaction = edge
        match edge.declared:
            case To() as answer:
                self.leave(edge.exits)
                self.update(answer)
                self.enter(edge.entries)
                return self.step(Outcome.TAKEN)
            case Stay() as answer:
                self.update(answer)
                for name in answer.rearm:
                    self.rearm(name)
                return self.step(Outcome.STAYED)
            case Defer():
                self.deferred = (*self.deferred, self.occurrence)
                return self.step(Outcome.DEFERRED)
            case _:
                return self.step(Outcome.IGNORED)

    def leave(self, paths: tuple[str, ...]) -> None:
        left = set(paths)
        by_state = {a.state: a for a in self.active}
        self.exits = tuple(by_state[p] for p in paths)
        self.active = tuple(a for a in self.active if a.state not in left)
        self.timers = tuple(t for t in self.timers if t.state not in left)
        self.exit_effects = tuple(
            self.made(e) for p in paths for e in self.chart.nodes[p].state.exit_effects
        )

    def update(self, answer: To | Stay) -> None:
        for update in answer.updates:
            self.data = bound(update)(self.data, self.event, self.at_us)
            if not isinstance(self.data, CallData):
                raise TypeError(
                    f"{named(update)} returned {self.data!r}, and not the data from now on"
                )
        self.effects = tuple(self.made(e) for e in answer.effects)

    def enter(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            self.activations += 1
            entered = Active(path, self.activations)
            self.active = (*self.active, entered)
            self.entries = (*self.entries, entered)
            for timer in self.chart.timers_of[path]:
                self.start(timer, entered.activation)
        self.entry_effects = tuple(
            self.made(e) for p in paths for e in self.chart.nodes[p].state.entry_effects
        )
        # A change of state: what was put off is offered again, in the order in which it came. What
        # was put off twice came before what is still to be offered.
        again = tuple(replace(put_off, at_us=self.at_us) for put_off in self.deferred)
        self.recalled = (*again, *self.recalled)
        self.deferred = ()

    def rearm(self, name: str) -> None:
        for active in reversed(self.active):
            for timer in self.chart.timers_of[active.state]:
                if timer.name == name:
                    self.timers = tuple(
                        t for t in self.timers if (t.state, t.name) != (active.state, name)
                    )
                    self.start(timer, active.activation)
                    return

    def start(self, timer: TimerSpec, activation: int) -> None:
        delay = self.evaluator.delay(timer, self.data, self.at_us)
        self.started.append((timer.state, timer.name, delay))
        running = RunningTimer(self.at_us + delay, timer.order, timer.state, timer.name, activation)
        self.timers = tuple(sorted((*self.timers, running), key=lambda t: (t.deadline_us, t.order)))

    def made(self, source: EffectSource) -> Effect:
        if isinstance(source, Effect):
            return source
        effect = bound(source)(self.data, self.event, self.at_us)
        if not isinstance(effect, Effect):
            raise TypeError(f"{named(source)} returned {effect!r}, and no effect")
        return effect

    def step(self, outcome: Outcome) -> Step:
        return Step(
            occurrence=self.occurrence,
            outcome=outcome,
            before=self.before,
            after=Configuration(
                self.active, self.timers, self.deferred, self.recalled, self.activations
            ),
            data=self.data,
            exits=self.exits,
            entries=self.entries,
            exit_effects=self.exit_effects,
            effects=self.effects,
            entry_effects=self.entry_effects,
            guards=tuple(self.guards),
            started=tuple(self.started),
            reaction=self.reaction,
        )
