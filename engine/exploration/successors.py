"""All that can happen in one standing, each decided once, and held against what must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from callchart.engine.chart.chart import Chart, ChartError, timer_trigger
from callchart.engine.chart.decide import Configuration, Occurrence, Outcome, Step
from callchart.engine.events import TimerFired
from callchart.engine.exploration.invariants import ANSWERED, FUNCTIONS_WORK, OVER
from callchart.engine.exploration.model import Model, Move, Property, Standing
from callchart.engine.exploration.node import Breach, Explored, Successor
from callchart.engine.exploration.representatives import NOW, Standings
from callchart.engine.exploration.zone import Slot

#: What `decide` does.
Deciding = Callable[[Chart, Configuration, Any, Occurrence], Step]
#: Such a step changes nothing.
UNMOVED = (Outcome.STALE, Outcome.LATE, Outcome.IGNORED)


class Happenings:
    """Of calls of one chart, in the world of a model; `standings` are where they lead to."""

    def __init__(
        self,
        chart: Chart,
        model: Model,
        standings: Standings,
        properties: Sequence[Property],
        deciding: Deciding,
    ) -> None:
        self._chart, self._model, self._standings = chart, model, standings
        self._properties, self._deciding = properties, deciding
        #: Configurations (they live on in `standings`) whose late moves were tried.
        self._late: set[int] = set()

    def decided(self, explored: Explored) -> tuple[tuple[Successor, ...], tuple[Breach, ...]]:
        standing = explored.standing
        orders = [
            t.order
            for t in standing.configuration.timers
            if t.order not in self._standings.uncounted
        ]
        kept: tuple[Slot, ...] = tuple(range(1, len(orders) + 1))
        found: list[Successor] = []
        breaches: list[Breach] = []
        for key, occurrence, world in self._happenings(standing):
            event, place = occurrence.event, 0
            trigger = type(event).__name__
            if isinstance(event, TimerFired):
                trigger = key  # as timers are named
                place = next(
                    (n for n, spec in enumerate(explored.timers, 1) if spec.trigger == key), 0
                )
            for note, data in self._model.variants(standing.data):
                try:
                    step = self._deciding(self._chart, standing.configuration, data, occurrence)
                    if (
                        step.outcome in UNMOVED
                        and world is standing.world
                        and not (explored.urgent or place or trigger == key)
                    ):
                        after, number, slots = world, explored.number, kept
                    else:
                        after = self._model.after(world, step)
                        number, slots = self._standings.arrive(step, after, orders)
                except ChartError as hole:
                    breaches.append(Breach(ANSWERED, str(hole), key, place))
                    continue
                except Exception as error:  # noqa: BLE001 (of the chart's functions: whatever)
                    how = f"{type(error).__name__}: {error}"
                    breaches.append(Breach(FUNCTIONS_WORK, how, key, place))
                    continue
                for rule in self._properties:
                    try:
                        broken = rule.check(standing, step, after)
                    except Exception as error:  # noqa: BLE001 (the chart may have its own)
                        broken = f"it cannot be checked: {type(error).__name__}: {error}"
                    if broken:
                        breaches.append(Breach(rule.name, broken, key, place))
                idle = number == explored.number and slots == kept and not explored.urgent
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

    def _happenings(self, standing: Standing) -> Iterator[tuple[str, Occurrence, Any]]:
        """(key, occurrence, the world then) of all that can be next, whenever that is."""
        configuration, _, world = standing
        urgent = self._model.is_urgent(world)
        if configuration.recalled and not urgent:
            recalled = configuration.recalled[0]
            yield f"{type(recalled.event).__name__}, put off before", recalled, world
            return
        moves = self._model.moves(standing)
        if not urgent and id(configuration) not in self._late:
            self._late.add(id(configuration))
            moves = (*moves, *self._model.late_moves(standing))
        for move in moves:
            yield move.key, occurrence_of(configuration, move), move.world
        if not urgent:
            for timer in configuration.timers:
                fires = TimerFired(timer.state, timer.name)
                occurrence = Occurrence(NOW, fires, timer.activation)
                yield timer_trigger(timer.state, timer.name), occurrence, world


def occurrence_of(configuration: Configuration, move: Move) -> Occurrence:
    stay = configuration.activation(move.of) if move.of is not None else None
    return Occurrence(NOW, move.event, OVER if move.stale else stay)
