"""One of the processes that make random calls."""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Sequence

from tests.soak.verdict import Verdict, judge

#: Real seconds: a call takes a few hundredths of one.
STUCK = 60


def begin() -> None:
    """Once, in a process of its own."""
    logging.disable()  # what providers are told to do wrong is no news
    signal.signal(signal.SIGALRM, _is_stuck)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # to end it is the parent's business
    gc.collect()
    gc.freeze()


def judge_all(numbers: Sequence[int]) -> list[Verdict]:
    """The calls of these numbers, each within a bound of real time as well."""
    verdicts = []
    for number in numbers:
        signal.alarm(STUCK)
        verdicts.append(judge(number))
        signal.alarm(0)
    return verdicts


def _is_stuck(*given: object) -> None:
    raise TimeoutError(f"{STUCK} s of real time and no end: the call goes round in a circle")
