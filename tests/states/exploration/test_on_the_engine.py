"""The engine takes the same steps as `decide` on random paths of an exploration."""

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

PATHS = 20


def compared(step: Step) -> tuple[object, ...]:
    """Return the parts of a step that must be equal, without the activation of its event."""
    return step.at_us, step.event, step.outcome, step.after, step.data


def explored(world: Phone) -> Exploration:
    exploration = Exploration(CHART, replace(world, turns=1), node_limit=1200)
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


def check_paths(exploration: Exploration, nodes: Sequence[int], seed: int) -> None:
    """Check that the engine follows random paths to these nodes."""
    chance = random.Random(seed)
    taken = 0
    for _ in range(PATHS):
        path = exploration.path_to(chance.choice(nodes))
        try:
            steps = concretize(exploration, path)
        except Infeasible:
            continue
        schedule.settle(seed)

        async def call(steps: list[Step] = steps) -> None:
            assert [compared(s) for s in await take(CHART, steps)][: len(steps)] == [
                compared(s) for s in steps
            ]

        schedule.run(call)
        taken += 1
    assert taken > PATHS * 3 / 4


@pytest.mark.parametrize("seed", [1, 10])
def test_the_engine_follows_explored_paths(seed: int) -> None:
    check_paths(usual(), range(len(usual().nodes)), seed)


def test_the_engine_follows_explored_paths_with_drafts() -> None:
    exploration = with_drafts()
    drafted: list[int] = []
    for number, node in enumerate(exploration.nodes):
        world = exploration.states[node.state].state.environment
        if world.draft or node.before in drafted:
            drafted.append(number)
    check_paths(exploration, drafted, 1)
