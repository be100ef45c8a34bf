"""`python -m tests.runs.whole`: every test once, with coverage, side by side.

All are collected once. Those on the real clock run in lanes; what only computes gives way to them
(nice), first what is measured, then what goes without coverage. What pytest says of each is told as
it ends; exit code 1 where a test failed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.runs.forks import Order, Selection
from tests.runs.lanes import LANES
from tests.runs.session import PLAIN, Ran, Session, collected

COVERED = (*PLAIN, "coverage", "run", "-m")

WAITING = [[Order(lane, measured=True)] for lane in LANES]
COMPUTING = [
    Order(Selection((), ("real", "unmeasured")), niceness=19, measured=True),
    Order(Selection(("unmeasured",), ("real",)), niceness=19),
]


def run(session: Session, orders: Sequence[Order]) -> list[tuple[Order, Ran]]:
    return [(order, session.run(order)) for order in orders]


def main() -> int:
    lanes = [*WAITING, COMPUTING]
    failed = 0
    with (
        TemporaryDirectory(prefix="callchart-tests-") as folder,
        collected(Path(folder), python=COVERED) as session,
        ThreadPoolExecutor(len(lanes)) as pool,
    ):
        for lane in as_completed([pool.submit(run, session, orders) for orders in lanes]):
            for order, ran in lane.result():
                failed += not ran.passed
                print(f"pytest {' '.join(order.selection.arguments)}", ran.said, sep="\n")
                print(f"{ran.cpu} s of CPU\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
