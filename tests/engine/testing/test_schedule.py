"""One seed gives one schedule. These tests fail if Trio changes the private parts that we use."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from callchart.engine.testing import schedule


def order(seed: int | str) -> list[int]:
    """Return the order of twenty tasks that are ready at the same instants."""
    ran: list[int] = []

    async def task(number: int) -> None:
        for _ in range(3):
            await trio.sleep(1)
            ran.append(number)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(task, number)

    schedule.settle(seed)
    schedule.run(main)
    return ran


def test_a_seed_fixes_the_order() -> None:
    assert order(7) == order(7)
    assert order("a name") == order("a name")


def test_seeds_differ() -> None:
    assert len({tuple(order(seed)) for seed in range(10)}) == 10


def test_a_run_uses_a_clock_that_jumps_unless_another_is_given() -> None:
    async def read() -> float:
        await trio.sleep(1000)
        return trio.current_time()

    assert schedule.run(read) == 1000
    clock = MockClock(autojump_threshold=0)
    clock.jump(5)
    assert schedule.run(read, clock=clock) == 1005
