"""The order in which Trio runs what is ready, settled by a seed: one seam to Trio's inside.

Trio runs the tasks that are ready at one instant in an order of its own luck. It has a private
switch that makes the order depend on nothing but a private source of luck. Both are named here, and
nowhere else in Callchart.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import trio
from trio.abc import Clock, Instrument
from trio.testing import MockClock


def settle(seed: int | str) -> None:
    """From now on, for as long as nobody settles it otherwise: one seed, one schedule."""
    inside = trio._core._run
    inside._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    inside._r.seed(seed)


def virtual_clock() -> MockClock:
    """A clock that jumps over all waiting, at once."""
    return MockClock(autojump_threshold=0)


def run(
    function: Callable[[], Coroutine[Any, Any, Any]],
    *,
    clock: Clock | None = None,
    instruments: Sequence[Instrument] = (),
) -> Any:
    """`trio.run` on a virtual clock, unless it is given another."""
    return trio.run(function, clock=clock or virtual_clock(), instruments=instruments)
