"""Calls that broke a property of a chart with a mistake, repeated with today's chart and engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from callchart.engine.chart import Occurrence, Step, begin, decide
from callchart.engine.chart.decide import next_occurrence
from callchart.engine.events import (
    EVENTS,
    OUTSIDE,
    Event,
    PlaybackStopped,
    SpeechEnded,
    SpeechStarted,
)
from callchart.engine.exploration import SearchState
from callchart.engine.exploration.invariants import invariants
from callchart.engine.journal import beginning, read
from callchart.engine.testing import schedule
from callchart.engine.testing.script import take
from callchart.states import CHART, WORLD

FOLDER = Path(__file__).parent / "counterexamples"
#: The most steps of a call. Its timers have ended it by then.
MOST = 100


@dataclass(frozen=True)
class Outside:
    """An event from outside the call, and its moment (us)."""

    at_us: int
    event: Event


def outside(lines: list[dict[str, Any]]) -> Iterator[Outside]:
    """Yield the events of a journal that the call did not cause: no timers, no stopped playback."""
    kinds = {kind.__name__: kind for kind in EVENTS if kind is not PlaybackStopped}
    for line in lines:
        fields = dict(line["event"])
        if kind := kinds.get(fields.pop("type")):
            yield Outside(line["at"], kind(**fields))


class RepeatedCall:
    """A call of today's chart. `broken` lists the properties that it breaks."""

    def __init__(self, data: Any) -> None:
        self._world = WORLD.of_one_call()
        self._rules = (*invariants(CHART), *self._world.properties)
        step = begin(CHART, data)
        self.steps, self.broken = [step], list[str]()
        self._now = self._world.after(self._world.initial_environment(), step)

    def take_outside(self, happened: Outside) -> None:
        """Take all steps that are due by then, and then the event, if a state of its origin is
        active."""
        while (next_one := self._next_due()) and next_one.at_us <= happened.at_us:
            self._take(next_one)
        origin, activation = happened.event.origin, None
        if origin != OUTSIDE:
            active = self.steps[-1].after.active
            of = [a.activation for a in active if CHART.nodes[a.state].state.activity == origin]
            if not of:
                return
            activation = of[0]
        self._take(Occurrence(happened.at_us, happened.event, activation))

    def end(self) -> None:
        """Take steps without outside events until the call ends."""
        while len(self.steps) < MOST and (next_one := self._next_due()):
            self._take(next_one)

    def _next_due(self) -> Occurrence | None:
        last = self.steps[-1]
        if self._now.raised:
            return Occurrence(last.at_us, self._now.raised[0])
        return next_occurrence(last.after)

    def _take(self, occurrence: Occurrence) -> None:
        last = self.steps[-1]
        before = SearchState(last.after, last.data, self._now)
        world = self._now
        if world.raised and occurrence.event is world.raised[0]:
            world = world._replace(raised=world.raised[1:])
        match occurrence.event:
            case SpeechStarted():
                world = world._replace(speaking=True)
            case SpeechEnded():
                world = world._replace(speaking=False)
        step = decide(CHART, last.after, last.data, occurrence)
        self._now = self._world.after(world, step)
        for rule in self._rules:
            if how := rule.check(before, step, self._now):
                self.broken.append(f"{rule.name}: {how}")
        self.steps.append(step)


def repeated(path: Path) -> RepeatedCall:
    head, lines = read(path)
    # The journal has the hash of the chart with the mistake. Its data also fit today's chart.
    call = RepeatedCall(beginning(CHART, {**head, "hash": CHART.hash}))
    for happened in outside(lines):
        call.take_outside(happened)
    call.end()
    return call


CALLS = sorted(FOLDER.glob("*.jsonl"))


@pytest.mark.parametrize("path", CALLS, ids=lambda path: path.stem)
def test_a_kept_counterexample_breaks_no_property_and_ends(path: Path) -> None:
    call = repeated(path)
    assert call.broken == []
    assert CHART.is_final(call.steps[-1].after.leaf)


def compared(step: Step) -> tuple[object, ...]:
    return step.at_us, step.event, step.outcome, step.after, step.data


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("path", CALLS, ids=lambda path: path.stem)
def test_the_engine_takes_the_same_steps(path: Path, seed: int) -> None:
    steps = repeated(path).steps
    schedule.settle(seed)

    async def call() -> None:
        assert [compared(step) for step in await take(CHART, steps)] == [
            compared(step) for step in steps
        ]

    schedule.run(call)
