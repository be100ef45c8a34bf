"""Representatives: one state for all that chart and environment cannot tell apart."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from callchart.engine.chart.chart import Chart, TimerSpec
from callchart.engine.chart.decide import (
    Active,
    Configuration,
    Occurrence,
    RunningTimer,
    Step,
    microseconds,
)
from callchart.engine.exploration.invariants import OVER
from callchart.engine.exploration.model import Model, SearchState
from callchart.engine.exploration.moments import MomentCheck
from callchart.engine.exploration.node import StateRecord
from callchart.engine.exploration.zone import Slot

#: The moment at which each step is decided (us).
NOW = 1_000_000_000_000
#: The deadline of each running timer (us). A zone has the real deadlines.
FAR = 2 * NOW


class Representatives:
    """The states that represent the states of all calls, numbered in the order of discovery."""

    def __init__(self, chart: Chart, model: Model) -> None:
        self._chart, self._model = chart, model
        self._moments = MomentCheck(chart, model)
        self.states: list[StateRecord] = []
        #: The `order` of each timer of the whole call. They may fire at any moment: the call may
        #: already have lasted for any time.
        self.untimed = frozenset(
            timer.order
            for timer in chart.timers
            if not chart.nodes[timer.state].ancestors and chart.nodes[timer.state].state.children
        )
        self._numbers: dict[Hashable, int] = {}
        self._configurations: dict[Hashable, Configuration] = {}

    def arrive(
        self, step: Step, environment: Any, orders: Sequence[int]
    ) -> tuple[int, tuple[Slot, ...]]:
        """Return the number of the state that a step leads to, and the slots of its timers.

        `orders` are the timers before the step."""
        to = self.record_for(SearchState(step.after, step.data, environment))
        started = {(state, name) for state, name, _ in step.started}
        slots: list[Slot] = []
        for timer in to.timers:
            if (timer.state, timer.name) in started:
                slots.append(self._bounds(timer, to))
            else:
                slots.append(orders.index(timer.order) + 1)
        return to.number, tuple(slots)

    def _bounds(self, timer: TimerSpec, to: StateRecord) -> tuple[int, int]:
        bounds = to.bounds.get(timer.order)
        if bounds is None:
            data = to.state.data
            every = self._model.extremes(data, NOW) if callable(timer.delay) else (data,)
            delays = [microseconds(timer.delay, one, NOW) for one in every]
            bounds = to.bounds[timer.order] = min(delays), max(delays)
            self._moments.check_delay(timer, data, bounds)
        return bounds

    def record_for(self, state: SearchState) -> StateRecord:
        """Return the record of the state that represents this one. Make it if it is new."""
        configuration = state.configuration
        orders = tuple(sorted([timer.order for timer in configuration.timers]))
        key = (configuration.leaf, orders, self._model.key(state))
        number = self._numbers.get(key)
        if number is not None:
            return self.states[number]
        configuration, data, environment = self._model.representative(state)
        representing = self._representative(configuration, orders)
        urgent = bool(representing.recalled) or self._model.is_urgent(environment)
        timers = tuple(self._chart.timers[o] for o in orders if o not in self.untimed)
        number = self._numbers[key] = len(self.states)
        self.states.append(
            StateRecord(number, SearchState(representing, data, environment), timers, urgent)
        )
        return self.states[number]

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
                RunningTimer(FAR, order, timer.state, timer.name, stay[timer.state])
                for order in orders
                for timer in [self._chart.timers[order]]
            )
            self._configurations[place] = Configuration(
                active, timers, deferred, recalled, len(active)
            )
        return self._configurations[place]


def _renamed(occurrences: Sequence[Occurrence], to: dict[int, int]) -> tuple[Occurrence, ...]:
    return tuple(
        Occurrence(NOW, o.event, None if o.activation is None else to.get(o.activation, OVER))
        for o in occurrences
    )
