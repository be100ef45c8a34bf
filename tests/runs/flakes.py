"""`make flakes`: the tests again and again, so that a test which depends on luck shows itself.

Tests on the virtual clock run under 50 seeds, each of which settles the order in which Trio runs
tasks and hypothesis's examples. The others, those of real processes and sockets among them, run 5
times, stories under other schedules each time. Of a test with many cases, two take their turn under
each seed. Odd and even seeds have orders of sets of their own. A failure prints what pytest said
and the line that repeats it.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.runs.forks import Order, Selection, Settled
from tests.runs.lanes import CLOCKLESS, LANES, VIRTUAL
from tests.runs.session import Session, collected

VIRTUAL_SEEDS = range(1, 51)
OTHER_SEEDS = range(1, 6)
#: Of a test, in each run.
CASES = 2
#: Of a story, in each run.
SCHEDULES = 10
#: Orders of sets: each costs a collection of all tests.
HASH_SEEDS = range(1, 3)

PROFILE = "--hypothesis-profile=flakes"


def seeded(selection: Selection, seed: int, niceness: int = 0) -> Order:
    return Order(selection, niceness, settled=Settled(seed, SCHEDULES, CASES))


def told(order: Order, sessions: Sequence[Session]) -> bool:
    """Do a run, and tell of it; did it pass?"""
    assert order.settled
    seed = order.settled.seed
    number = (seed - 1) % len(sessions)
    ran = sessions[number].run(order)
    selected = " ".join(order.selection.arguments[1:])
    print(f"{selected}, seed {seed}: {ran.summary}, {ran.cpu} s of CPU", flush=True)
    if not ran.passed:
        line = [
            *(f"PYTHONHASHSEED={HASH_SEEDS[number]}", sys.executable, "-m", "pytest", "-q"),
            *(PROFILE, f"--hypothesis-seed={seed}"),
            *(f"--callchart-seed={seed}", f"--callchart-schedules={SCHEDULES}"),
            *order.selection.arguments,
        ]
        print(f"{ran.said}\nTo repeat it:\n  {shlex.join(line)}", flush=True)
    return ran.passed


def main() -> int:
    lanes = [[seeded(selection, seed) for seed in OTHER_SEEDS] for selection in LANES]
    side_by_side = [
        *(seeded(VIRTUAL, seed, niceness=19) for seed in VIRTUAL_SEEDS),
        *(seeded(CLOCKLESS, seed, niceness=19) for seed in OTHER_SEEDS),
    ]
    with ExitStack() as stack:
        sessions = []
        for hash_seed in HASH_SEEDS:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="callchart-flakes-")))
            variables = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
            sessions.append(stack.enter_context(collected(folder, [PROFILE], variables)))
        pool = stack.enter_context(ThreadPoolExecutor(len(lanes) + (os.cpu_count() or 1)))
        tell = partial(told, sessions=sessions)
        in_lanes = [pool.submit(lambda orders: [*map(tell, orders)], orders) for orders in lanes]
        others = pool.map(tell, side_by_side)
        passed = [*others, *(each for orders in in_lanes for each in orders.result())]
    print(f"{passed.count(False)} of {len(passed)} runs failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
