"""Virtual time, and the order of ready tasks: the only module that uses private parts of Trio.

Trio runs the tasks that are ready at one instant in a random order. A private switch of Trio makes
this order depend only on a private random generator. This module also replaces the jump of Trio's
virtual clock, which takes longer.
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
    """Fix the order of ready tasks from now on: equal seeds give equal orders."""
    inside = trio._core._run
    inside._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    inside._r.seed(seed)


def virtual_clock() -> MockClock:
    """Return a clock that jumps to the next deadline when all tasks wait."""
    clock = MockClock(autojump_threshold=0)
    clock._autojump = partial(_jump, clock)  # type: ignore[method-assign]
    return clock


def _jump(clock: MockClock) -> None:
    """Jump to the next deadline, and wake the tasks that wait for it.

    Trio's own jump collects all statistics of Trio to find the deadline, and wakes the tasks in the
    next round of its loop. This saves a fifth of the cost of a jump and a sleep."""
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

    If nurseries have wrapped a single exception in groups, raise the exception itself: so a failed
    test shows its own line instead of the traceback of a nursery."""
    __tracebackhide__ = True
    try:
        return trio.run(function, clock=clock or virtual_clock(), instruments=instruments)
    except BaseExceptionGroup as group:
        if (only := _only_exception(group)) is None:
            raise
    # Not in the `except` block, where the group would become the context of `only`.
    raise only


def _only_exception(error: BaseException) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup):
        error, *others = error.exceptions
        if others:
            return None
    return error
