"""Virtual time, and the order of what is ready at one instant: one seam to Trio's inside.

Trio runs the tasks that are ready at one instant in an order of its own luck. It has a private
switch that makes the order depend on nothing but a private source of luck. Both are named here, and
nowhere else in Callchart; so is how Trio's clock jumps, which is done here with less work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import trio
from trio._core._run_context import GLOBAL_RUN_CONTEXT
from trio.abc import Clock, Instrument
from trio.testing import MockClock


def settle(seed: int | str) -> None:
    """From now on, for as long as nobody settles it otherwise: one seed, one schedule."""
    inside = trio._core._run
    inside._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    inside._r.seed(seed)


def virtual_clock() -> MockClock:
    """A clock that jumps over all waiting, at once."""
    clock = MockClock(autojump_threshold=0)
    clock._autojump = partial(_jump, clock)  # type: ignore[method-assign]
    return clock


def _jump(clock: MockClock) -> None:
    """To the next deadline, as the clock itself does when nobody can run.

    Trio's own jump gathers all of Trio's statistics to learn the deadline, and leaves the waking
    to the next round of its loop: a fifth of what a jump and a sleep cost."""
    deadlines = GLOBAL_RUN_CONTEXT.runner.deadlines
    seconds = deadlines.next_deadline() - clock.current_time()
    if 0 < seconds < math.inf:
        clock.jump(seconds)
        deadlines.expire(clock.current_time())


def run(
    function: Callable[[], Coroutine[Any, Any, Any]],
    *,
    clock: Clock | None = None,
    instruments: Sequence[Instrument] = (),
) -> Any:
    """Run like `trio.run`, on a virtual clock unless another is given.

    Raises the exception itself where Trio's nurseries have wrapped a single one in groups: so a
    failed test shows its own line, and not the nursery's traceback."""
    __tracebackhide__ = True
    try:
        return trio.run(function, clock=clock or virtual_clock(), instruments=instruments)
    except BaseExceptionGroup as group:
        if (only := _only_exception(group)) is None:
            raise
    # Outside of the `except` block: within it, the group would become the context of `only`.
    raise only


def _only_exception(error: BaseException) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup):
        if len(error.exceptions) > 1:
            return None
        error = error.exceptions[0]
    return error
