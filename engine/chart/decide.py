"""`decide`: the reaction of a call to one occurrence. A pure function of its arguments.

A `Step` is one macrostep as a value: the configuration afterwards, the states that the call leaves
and enters, and the effects to carry out, in order. `decide` itself carries out nothing.

Within a step, guards and exit effects read the data as it was. Updates follow each other.
Transition effects, entry effects and the delays of new timers read the new data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from callchart.engine.chart.binding import bound
from callchart.engine.chart.chart import Chart, LeafReaction, TimerSpec, timer_trigger
from callchart.engine.chart.checks import ChartError
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
    """The result of a step for its event."""

    TAKEN = "taken"  # a transition: the call left states and entered others
    STAYED = "stayed"  # a reaction within the state
    IGNORED = "ignored"  # for the reason that the chart gives
    DEFERRED = "deferred"  # kept until the next change of state
    STALE = "stale"  # posted in a stay that has ended
    LATE = "late"  # about something finished, as the chart's `late` says


@dataclass(frozen=True, slots=True)
class Active:
    """An active state, and the number of this stay in it."""

    state: str
    activation: int


@dataclass(frozen=True, slots=True)
class RunningTimer:
    """A running timer of one stay in a state.

    Timers are ordered by `deadline_us` (microseconds since the call began), then by declaration."""

    deadline_us: int
    order: int
    state: str
    name: str
    activation: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event, its arrival (microseconds since the call began), and the stay that posted it.

    `activation` is None for an event from outside: such an event is never stale."""

    at_us: int
    event: Event
    activation: int | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """The active states of a call, outermost first, its timers, and its deferred occurrences.

    `recalled` are deferred occurrences that are offered again, before anything else is taken.
    `activations` counts all stays in states so far."""

    active: tuple[Active, ...]
    timers: tuple[RunningTimer, ...] = ()
    deferred: tuple[Occurrence, ...] = ()
    recalled: tuple[Occurrence, ...] = ()
    activations: int = 0

    @property
    def leaf(self) -> str:
        """The full name of the innermost active state; "" before the first step."""
        return self.active[-1].state if self.active else ""

    def activation(self, state: str) -> int | None:
        """Return the number of the present stay in `state`, or None if it is not active."""
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
    #: The names of the guards that were asked, in order, and their answers.
    guards: tuple[tuple[str, bool], ...] = ()
    #: Timers that this step starts, as (state, timer, delay in microseconds).
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
    """The chart's functions, as a step calls them: guards, delays and `late`.

    `LIVE` calls the functions. The replay of a redacted journal reads their results from the
    journal instead, because the words that they read are blank."""

    def guard(self, guard: Guard, data: Any, event: Event, at_us: int) -> bool:
        return bool(bound(guard)(data, event, at_us))

    def delay(self, timer: TimerSpec, data: Any, at_us: int) -> int:
        """Return the timer's delay in microseconds."""
        return microseconds(timer.delay, data, at_us)

    def late(self, late: Callable[[Any, Event], bool], data: Any, event: Event) -> bool:
        return late(data, event)


def microseconds(delay: Delay, data: Any, at_us: int) -> int:
    """Return a delay in whole microseconds; a negative one counts as 0."""
    if isinstance(delay, SettingRef):
        seconds: float = getattr(data.settings, delay.name)
    else:
        seconds = bound(delay)(data, None, at_us) if callable(delay) else delay
    return max(0, round(seconds * 1_000_000))


LIVE = Evaluator()


def begin(chart: Chart, data: Any, *, evaluator: Evaluator = LIVE) -> Step:
    """Return the first step of a call, at 0 us: it enters the initial states."""
    start = Occurrence(0, CallStarted())
    step = StepBuilder(chart, Configuration(()), data, start, evaluator)
    step.enter(chart.initial)
    return step.build(Outcome.TAKEN)


def decide(
    chart: Chart,
    configuration: Configuration,
    data: Any,
    occurrence: Occurrence,
    *,
    evaluator: Evaluator = LIVE,
) -> Step:
    """Return the step that a call takes on one occurrence.

    Equal arguments give an equal step, in every process and at every time. Raises `ChartError` for
    an event that the chart does not know."""
    step = StepBuilder(chart, configuration, data, occurrence, evaluator)
    event, leaf = occurrence.event, configuration.leaf
    if step.is_stale():
        return step.build(Outcome.STALE)
    if chart.late is not None and evaluator.late(chart.late, data, event):
        return step.build(Outcome.LATE)
    if isinstance(event, TimerFired):
        trigger = timer_trigger(event.state, event.timer)
    else:
        trigger = type(event).__name__
    for reaction in chart.reactions(leaf, trigger):
        if reaction.declared.when is None or step.ask(reaction.declared.when):
            return step.react(reaction)
    if chart.is_final(leaf):
        return step.build(Outcome.STALE)  # the call has ended
    raise ChartError(f"{trigger} happened in {leaf}, and is not among the events of this chart")


def next_occurrence(configuration: Configuration) -> Occurrence | None:
    """Return the next occurrence if no event comes: a recalled event, or the earliest timer."""
    if configuration.recalled:
        return configuration.recalled[0]
    if not configuration.timers:
        return None
    timer = configuration.timers[0]
    return Occurrence(timer.deadline_us, TimerFired(timer.state, timer.name), timer.activation)


class StepBuilder:
    """One step while it is decided. `build` returns it as a frozen value."""

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

    def react(self, reaction: LeafReaction) -> Step:
        self.reaction = reaction
        match reaction.declared:
            case To() as declared:
                self.leave(reaction.exits)
                self.update(declared)
                self.enter(reaction.entries)
                return self.build(Outcome.TAKEN)
            case Stay() as declared:
                self.update(declared)
                for name in declared.rearm:
                    self.rearm(name)
                return self.build(Outcome.STAYED)
            case Defer():
                self.deferred = (*self.deferred, self.occurrence)
                return self.build(Outcome.DEFERRED)
            case _:
                return self.build(Outcome.IGNORED)

    def leave(self, paths: tuple[str, ...]) -> None:
        left = set(paths)
        by_state = {a.state: a for a in self.active}
        self.exits = tuple(by_state[p] for p in paths)
        self.active = tuple(a for a in self.active if a.state not in left)
        self.timers = tuple(t for t in self.timers if t.state not in left)
        self.exit_effects = tuple(
            self.effect(e) for p in paths for e in self.chart.nodes[p].state.exit_effects
        )

    def update(self, declared: To | Stay) -> None:
        for update in declared.updates:
            self.data = bound(update)(self.data, self.event, self.at_us)
            if not isinstance(self.data, CallData):
                raise TypeError(
                    f"the update {named(update)} must return the new data, got {self.data!r}"
                )
        self.effects = tuple(self.effect(e) for e in declared.effects)

    def enter(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            self.activations += 1
            entered = Active(path, self.activations)
            self.active = (*self.active, entered)
            self.entries = (*self.entries, entered)
            for timer in self.chart.timers_of[path]:
                self.start(timer, entered.activation)
        self.entry_effects = tuple(
            self.effect(e) for p in paths for e in self.chart.nodes[p].state.entry_effects
        )
        # After a change of state, deferred events are offered again, in the order of arrival. An
        # event that was deferred twice arrived before those in `recalled`.
        again = tuple(replace(deferred, at_us=self.at_us) for deferred in self.deferred)
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
        delay_us = self.evaluator.delay(timer, self.data, self.at_us)
        self.started.append((timer.state, timer.name, delay_us))
        running = RunningTimer(
            self.at_us + delay_us, timer.order, timer.state, timer.name, activation
        )
        self.timers = tuple(sorted((*self.timers, running), key=lambda t: (t.deadline_us, t.order)))

    def effect(self, source: EffectSource) -> Effect:
        if isinstance(source, Effect):
            return source
        effect: object = bound(source)(self.data, self.event, self.at_us)
        if not isinstance(effect, Effect):
            raise TypeError(f"the function {named(source)} must return an effect, got {effect!r}")
        return effect

    def build(self, outcome: Outcome) -> Step:
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
