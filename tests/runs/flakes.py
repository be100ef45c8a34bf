"""`make flakes`: many runs of the tests, to find those that depend on chance or on the machine.

Tests on the virtual clock run under 50 seeds. A seed fixes the order in which Trio runs tasks, and
hypothesis's examples. All other tests run 5 times, stories under other schedules each time. If a
test has many cases, each seed runs two of them, in turn. Odd and even seeds order sets differently.
A failure prints pytest's report and the command that repeats it.

`--hog N` (`make flakes HOG=N`) keeps N cores busy meanwhile: a test whose result depends on the
machine's speed then fails.
"""

from __future__ import annotations

import argparse
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
from tests.runs.hog import hogs
from tests.runs.lanes import CLOCKLESS, LANES, VIRTUAL
from tests.runs.session import Session, collected

VIRTUAL_SEEDS = range(1, 51)
OTHER_SEEDS = range(1, 6)
#: The cases of one test in each run.
CASES = 2
#: The schedules of one story in each run.
SCHEDULES = 10
#: The hash seeds. Each needs a collection of all tests.
HASH_SEEDS = range(1, 3)

PROFILE = "--hypothesis-profile=flakes"


def seeded(selection: Selection, seed: int, niceness: int = 0) -> Order:
    return Order(selection, niceness, settled=Settled(seed, SCHEDULES, CASES))


def run(order: Order, sessions: Sequence[Session]) -> bool:
    """Run an order and print the result; return True if it passed."""
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
        print(f"{ran.output}\nTo repeat it:\n  {shlex.join(line)}", flush=True)
    return ran.passed


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.runs.flakes")
    parser.add_argument("--hog", type=int, default=0, metavar="N", help="cores to keep busy")
    hog = parser.parse_args(arguments).hog
    lanes = [[seeded(selection, seed) for seed in OTHER_SEEDS] for selection in LANES]
    side_by_side = [
        *(seeded(VIRTUAL, seed, niceness=19) for seed in VIRTUAL_SEEDS),
        *(seeded(CLOCKLESS, seed, niceness=19) for seed in OTHER_SEEDS),
    ]
    with ExitStack() as stack:
        stack.enter_context(hogs(hog))
        sessions = []
        for hash_seed in HASH_SEEDS:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="callchart-flakes-")))
            variables = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
            sessions.append(stack.enter_context(collected(folder, [PROFILE], variables)))
        pool = stack.enter_context(ThreadPoolExecutor(len(lanes) + (os.cpu_count() or 1)))
        run_one = partial(run, sessions=sessions)
        in_lanes = [pool.submit(lambda orders: [*map(run_one, orders)], orders) for orders in lanes]
        others = pool.map(run_one, side_by_side)
        passed = [*others, *(each for orders in in_lanes for each in orders.result())]
    print(f"{passed.count(False)} of {len(passed)} runs failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
