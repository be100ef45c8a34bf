"""A process that makes random calls."""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Sequence

from tests.soak.verdict import CallVerdict, judge

#: The limit of a call in real seconds. A call takes a few hundredths of a second.
STUCK = 60


def begin() -> None:
    """Prepare a worker process."""
    logging.disable()  # scripts let providers fail
    signal.signal(signal.SIGALRM, _is_stuck)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the workers
    gc.collect()
    gc.freeze()


def judge_all(numbers: Sequence[int]) -> list[CallVerdict]:
    """Return the verdicts on these calls, each made within a limit of real time."""
    verdicts = []
    for number in numbers:
        signal.alarm(STUCK)
        verdicts.append(judge(number))
        signal.alarm(0)
    return verdicts


def _is_stuck(*given: object) -> None:
    raise TimeoutError(
        f"the call did not end within {STUCK} s of real time: it goes round in a circle"
    )
