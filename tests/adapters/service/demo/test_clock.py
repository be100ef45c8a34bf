"""The clocks of the command line: one stops while outside work runs, one is real."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import pytest
import trio

from callchart.adapters.service.demo.clock import HeldClock, RealClock


class Outside(trio.abc.Instrument):
    """An instrument that calls `then`, which ends outside work, once all of Trio's tasks wait.

    It also calls `then` after time has passed. So a wrong clock fails the test instead of blocking
    it."""

    def __init__(self, then: Callable[[], object]) -> None:
        self._then: Callable[[], object] | None = then

    def before_io_wait(self, timeout: float) -> None:
        if self._then and (timeout > 0 or trio.current_time() > 0):
            then, self._then = self._then, None
            then()


def test_waiting_takes_no_real_time() -> None:
    async def main() -> float:
        await trio.sleep(86400)
        return trio.current_time()

    assert trio.run(main, clock=HeldClock().trio_clock) == 86400


def test_time_stands_still_while_a_thread_works() -> None:
    clock = HeldClock()
    done = threading.Event()
    ended: list[float] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 100)
            clock.begin()
            await trio.to_thread.run_sync(done.wait)
            ended.append(trio.current_time())
            clock.end()
        ended.append(trio.current_time())

    trio.run(main, clock=clock.trio_clock, instruments=[Outside(done.set)])
    assert ended == [0, 100]


def test_work_that_began_before_the_run_holds_it_too() -> None:
    clock = HeldClock()
    clock.begin()
    ended: list[float] = []

    async def main() -> None:
        token = trio.lowlevel.current_trio_token()

        def end() -> None:
            ended.append(trio.current_time())
            clock.end()

        trio.lowlevel.add_instrument(Outside(lambda: token.run_sync_soon(end)))
        await trio.sleep(5)
        ended.append(trio.current_time())

    trio.run(main, clock=clock.trio_clock)
    assert ended == [0, 5]


def test_time_continues_when_the_last_work_has_ended() -> None:
    clock = HeldClock()
    thresholds = []
    for step in (clock.begin, clock.begin, clock.end, clock.end):
        step()
        thresholds.append((clock.under_way, clock.trio_clock.autojump_threshold))
    assert thresholds == [(1, math.inf), (2, math.inf), (1, math.inf), (0, 0.0)]


def test_an_end_without_a_begin_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="needs a begin"):
        HeldClock().end()


def test_the_real_clock_is_trios_own_and_is_never_held() -> None:
    clock = RealClock()
    clock.end()
    clock.begin()
    assert clock.trio_clock is None
