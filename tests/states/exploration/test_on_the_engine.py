"""Ways of the exploration, taken by the real engine under the virtual clock: as `decide` says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest

from callchart.engine.chart import Step
from callchart.engine.exploration import Exploration, Infeasible, concretize
from callchart.engine.exploration.environment import Phone
from callchart.engine.testing import schedule
from callchart.engine.testing.script import take
from callchart.states import CHART, WITH_DRAFTS, WORLD

WAYS = 20


def seen(step: Step) -> tuple[object, ...]:
    """What must be the same: all but the number of a stay that is over."""
    return step.at_us, step.event, step.outcome, step.after, step.data


def explored(world: Phone) -> Exploration:
    exploration = Exploration(CHART, replace(world, turns=1), most=1200)
    for _ in exploration.run():
        pass
    return exploration


@cache
def usual() -> Exploration:
    return explored(WORLD)


@cache
def with_drafts() -> Exploration:
    return explored(WITH_DRAFTS)


WORK_AHEAD = (usual, with_drafts)


def goes_the_ways(exploration: Exploration, nodes: Sequence[int], seed: int) -> None:
    """Does the engine go ways to these nodes, drawn by lot?"""
    chance = random.Random(seed)
    taken = 0
    for _ in range(WAYS):
        way = exploration.path_to(chance.choice(nodes))
        try:
            steps = concretize(exploration, way)
        except Infeasible:
            continue
        schedule.settle(seed)

        async def call(steps: list[Step] = steps) -> None:
            assert [seen(s) for s in await take(CHART, steps)][: len(steps)] == [
                seen(s) for s in steps
            ]

        schedule.run(call)
        taken += 1
    assert taken > WAYS * 3 / 4


@pytest.mark.parametrize("seed", [1, 10])
def test_the_engine_goes_the_ways_that_were_explored(seed: int) -> None:
    goes_the_ways(usual(), range(len(usual().nodes)), seed)


def test_the_engine_goes_the_ways_to_drafts_and_what_becomes_of_them() -> None:
    exploration = with_drafts()
    drafted: list[int] = []
    for number, node in enumerate(exploration.nodes):
        world = exploration.states[node.state].state.environment
        if world.draft or node.before in drafted:
            drafted.append(number)
    goes_the_ways(exploration, drafted, 1)
