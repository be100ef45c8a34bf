"""`python -m tests.runs.whole`: every test once, with coverage, in parallel.

Tests that only compute give way to those on the real clock (`nice`): first the measured ones, then
those without coverage. Exit code 1 if a test failed."""

from __future__ import annotations

import sys

from tests.runs.forks import Order, Selection
from tests.runs.lanes import LANES, run_lanes
from tests.runs.session import PLAIN

COVERED = (*PLAIN, "coverage", "run", "-m")

WAITING = [[Order(lane, measured=True)] for lane in LANES]
COMPUTING = [
    Order(Selection((), ("real", "unmeasured")), niceness=19, measured=True),
    Order(Selection(("unmeasured",), ("real",)), niceness=19),
]


if __name__ == "__main__":
    sys.exit(run_lanes([*WAITING, COMPUTING], python=COVERED))
