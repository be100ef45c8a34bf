"""The successors of one state: each occurrence is decided once, and each step checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from callchart.engine.chart.chart import Chart, timer_trigger
from callchart.engine.chart.checks import ChartError
from callchart.engine.chart.decide import Configuration, Occurrence, Outcome, Step
from callchart.engine.events import TimerFired
from callchart.engine.exploration.invariants import ANSWERED, FUNCTIONS_WORK, OVER
from callchart.engine.exploration.model import EnvironmentMove, Model, Property, SearchState
from callchart.engine.exploration.moments import Deciding, MomentCheck, MomentDependence
from callchart.engine.exploration.node import Breach, StateRecord, Successor
from callchart.engine.exploration.representatives import NOW, Representatives
from callchart.engine.exploration.zone import Slot

#: The outcomes of a step that changes nothing.
UNCHANGED = (Outcome.STALE, Outcome.LATE, Outcome.IGNORED)


class SuccessorGenerator:
    """Finds the successors of a state of one chart, in the environment of a model."""

    def __init__(
        self,
        chart: Chart,
        model: Model,
        representatives: Representatives,
        properties: Sequence[Property],
        deciding: Deciding,
    ) -> None:
        self._chart, self._model, self._representatives = chart, model, representatives
        self._properties, self._deciding = properties, deciding
        self._moments = MomentCheck(chart, model, deciding)
        #: Ids of configurations whose late moves were tried; `representatives` keeps them alive.
        self._late: set[int] = set()

    def generate(self, record: StateRecord) -> tuple[tuple[Successor, ...], tuple[Breach, ...]]:
        """Return the successors of a state, and the steps from it that break a property."""
        state = record.state
        orders = [
            t.order
            for t in state.configuration.timers
            if t.order not in self._representatives.untimed
        ]
        kept: tuple[Slot, ...] = tuple(range(1, len(orders) + 1))
        found: list[Successor] = []
        breaches: list[Breach] = []
        for key, occurrence, environment in self._occurrences(state):
            event, place = occurrence.event, 0
            trigger = type(event).__name__
            if isinstance(event, TimerFired):
                trigger = key  # the name of a timer
                place = next(
                    (n for n, spec in enumerate(record.timers, 1) if spec.trigger == key), 0
                )
            for note, data in self._model.variants(state.data):
                try:
                    step = self._deciding(self._chart, state.configuration, data, occurrence)
                    if (
                        step.outcome in UNCHANGED
                        and environment is state.environment
                        and not (record.urgent or place or trigger == key)
                    ):
                        after, number, slots = environment, record.number, kept
                    else:
                        after = self._model.after(environment, step)
                        number, slots = self._representatives.arrive(step, after, orders)
                        self._moments.check_step(
                            step,
                            trigger,
                            SearchState(state.configuration, data, environment),
                            SearchState(step.after, step.data, after),
                        )
                except MomentDependence:
                    raise
                except ChartError as error:
                    breaches.append(Breach(ANSWERED, str(error), key, place))
                    continue
                except Exception as error:  # noqa: BLE001 (a function of the chart may raise anything)
                    how = f"{type(error).__name__}: {error}"
                    breaches.append(Breach(FUNCTIONS_WORK, how, key, place))
                    continue
                for name, reason in self._broken(state, step, after):
                    breaches.append(Breach(name, reason, key, place))
                idle = number == record.number and slots == kept and not record.urgent
                does = (
                    *(e.name for e in (*step.exit_effects, *step.effects, *step.entry_effects)),
                    *step.data.history,
                )
                successor = Successor(
                    key, trigger, step.outcome, number, place, slots, step.reaction, idle, does
                )
                if not note:
                    found.append(successor)
                elif not found or not successor.is_like(found[-1]):
                    found.append(replace(successor, key=f"{key} ({note})"))
        return tuple(found), tuple(breaches)

    def _broken(self, state: SearchState, step: Step, after: Any) -> Iterator[tuple[str, str]]:
        """Yield (name, reason) of each property that a step breaks."""
        for each in self._properties:
            try:
                reason = each.check(state, step, after)
            except Exception as error:  # noqa: BLE001 (a property of the chart may raise anything)
                reason = f"it cannot be checked: {type(error).__name__}: {error}"
            if reason:
                yield each.name, reason

    def _occurrences(self, state: SearchState) -> Iterator[tuple[str, Occurrence, Any]]:
        """Yield (key, occurrence, environment after it) for everything that can happen next."""
        configuration, _, environment = state
        urgent = self._model.is_urgent(environment)
        if configuration.recalled and not urgent:
            recalled = configuration.recalled[0]
            yield f"{type(recalled.event).__name__}, deferred before", recalled, environment
            return
        moves = self._model.moves(state)
        if not urgent and id(configuration) not in self._late:
            self._late.add(id(configuration))
            moves = (*moves, *self._model.late_moves(state))
        for move in moves:
            yield move.key, occurrence_of(configuration, move), move.environment
        if not urgent:
            for timer in configuration.timers:
                fires = TimerFired(timer.state, timer.name)
                occurrence = Occurrence(NOW, fires, timer.activation)
                yield timer_trigger(timer.state, timer.name), occurrence, environment


def occurrence_of(configuration: Configuration, move: EnvironmentMove) -> Occurrence:
    """Return the occurrence of a move, at `NOW`."""
    stay = configuration.activation(move.state) if move.state is not None else None
    return Occurrence(NOW, move.event, OVER if move.stale else stay)
