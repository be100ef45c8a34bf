"""Ways of the exploration, taken by the real engine under the virtual clock: as `decide` says."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from engine.chart import Step
from engine.chart.explore import Exploration, Unreal, concrete
from engine.testing import schedule
from engine.testing.script import take
from states import CHART, WORLD

WAYS = 20


def seen(step: Step) -> tuple[object, ...]:
    """What must be the same: all but the number of a stay that is over."""
    return step.at, step.event, step.outcome, step.after, step.data


@pytest.fixture(scope="module")
def exploration() -> Exploration:
    explored = Exploration(CHART, replace(WORLD, turns=1), most=2500)
    for _ in explored.run():
        pass
    return explored


@pytest.mark.parametrize("seed", [1, 2])
def test_the_engine_goes_the_ways_that_were_explored(exploration: Exploration, seed: int) -> None:
    chance = random.Random(seed)
    taken = 0
    for _ in range(WAYS):
        way = exploration.way_to(chance.randrange(len(exploration.nodes)))
        try:
            steps = concrete(exploration, way)
        except Unreal:
            continue
        schedule.settle(seed)

        async def call(steps: list[Step] = steps) -> None:
            assert [seen(s) for s in await take(CHART, steps)][: len(steps)] == [
                seen(s) for s in steps
            ]

        schedule.run(call)
        taken += 1
    assert taken > WAYS * 3 / 4
