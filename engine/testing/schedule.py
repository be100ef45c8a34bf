"""Virtual time, and the order of ready tasks: the only place that uses private parts of Trio.

Trio runs the tasks that are ready at one instant in a random order. A private switch makes that
order depend only on a private random generator. Both are used here, and nowhere else in
Callchart. The clock's jump is reimplemented here, because Trio's own takes longer.
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
    """Fix the order of ready tasks from now on: one seed gives one order."""
    inside = trio._core._run
    inside._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    inside._r.seed(seed)


def virtual_clock() -> MockClock:
    """Return a clock that jumps over all waiting."""
    clock = MockClock(autojump_threshold=0)
    clock._autojump = partial(_jump, clock)  # type: ignore[method-assign]
    return clock


def _jump(clock: MockClock) -> None:
    """Jump to the next deadline, as the clock itself does when no task can run.

    Trio's own jump collects all of Trio's statistics to learn the deadline, and leaves the
    waking to the next round of its loop: a fifth of the cost of a jump and a sleep."""
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
        error, *others = error.exceptions
        if others:
            return None
    return error
