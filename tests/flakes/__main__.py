"""`make flakes`: the tests again and again, so that a test which depends on luck shows itself.

Tests on the virtual clock run under 50 seeds, each of which settles the order in which Trio runs
tasks and hypothesis's examples; of a test with many cases, four take their turn under each seed.
The others, those of real processes and sockets among them, run 5 times, stories under other
schedules each time. Odd and even seeds have orders of sets of their own. A failure prints what
pytest said and the line that repeats it.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.flakes.forks import END, SCHEDULES, Order, Selection

VIRTUAL_SEEDS = range(1, 51)
OTHER_SEEDS = range(1, 6)
#: Of a virtual test.
CASES = 4
#: Orders of sets: each costs a collection of all tests.
HASH_SEEDS = range(1, 3)

CARRIER = "tests/adapters/carrier/asterisk"
REAL = Selection(("real",), ("asterisk",), elsewhere=CARRIER)
REAL_CARRIER = Selection(("real",), where=CARRIER)
ASTERISK = Selection(("asterisk",), elsewhere=CARRIER)
VIRTUAL = Selection(("virtual",), ("real",))
OTHERS = Selection((), ("virtual", "real"))


@dataclass(frozen=True, slots=True)
class Collected:
    """A pytest that has collected all tests, under one order of sets, and forks for each run."""

    hash_seed: int
    orders: socket.socket
    log: Path

    def pytest(self, order: Order) -> str:
        """What pytest says of it; the last line begins with `END` if it came to that."""
        reader, writer = os.pipe()
        socket.send_fds(self.orders, [order.packed()], [writer])
        os.close(writer)
        said = []
        with open(reader, errors="replace") as pipe:
            # Not to the end: a process that a test left behind may hold the pipe open.
            for line in pipe:
                said.append(line)
                if line.startswith(END):
                    break
        return "".join(said)

    def line(self, order: Order) -> str:
        """What to type to see this run once more."""
        seed = order.seed
        return shlex.join(
            [
                *(f"PYTHONHASHSEED={self.hash_seed}", sys.executable, "-m", "pytest", "-q"),
                *("--hypothesis-profile=flakes", f"--hypothesis-seed={seed}"),
                *(f"--callchart-seed={seed}", f"--callchart-schedules={SCHEDULES}"),
                *order.selection.arguments,
            ]
        )


@contextmanager
def collected(hash_seed: int, folder: Path) -> Iterator[Collected]:
    """`folder` takes its log and what its tests write."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log = folder / f"{hash_seed}.log"
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        "PYTEST_DEBUG_TEMPROOT": str(folder),
        # A fork has none of its parent's threads.
        "OPENBLAS_NUM_THREADS": "1",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with ours, log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.flakes.forks", str(theirs.fileno())],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        theirs.close()
        with process:
            yield Collected(hash_seed, ours, log)
            ours.close()


def told(order: Order, sessions: Sequence[Collected]) -> bool:
    """Do a run, and tell of it; did it pass?"""
    session = sessions[(order.seed - 1) % len(sessions)]
    said, _, end = session.pytest(order).partition(END)
    code, _, cpu = end.strip().partition(" ")
    summary = said.rstrip().rpartition("\n")[2] or "it ended without a word"
    selected = " ".join(order.selection.arguments[1:])
    print(f"{selected}, seed {order.seed}: {summary}, {cpu} s of CPU", flush=True)
    passed = code == "0"
    if not passed:
        print(
            f"{said or session.log.read_text()}\nTo repeat it:\n  {session.line(order)}", flush=True
        )
    return passed


def main() -> int:
    # Three lanes of tests on the real clock: in none of them two wait for each other. They wait for
    # most of their time; what only computes gives way to them.
    lanes = [
        [Order(selection, seed) for seed in OTHER_SEEDS]
        for selection in (REAL, REAL_CARRIER, ASTERISK)
    ]
    side_by_side = [
        *(Order(VIRTUAL, seed, niceness=19, cases=CASES) for seed in VIRTUAL_SEEDS),
        *(Order(OTHERS, seed, niceness=19) for seed in OTHER_SEEDS),
    ]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="callchart-flakes-")))
        sessions = [stack.enter_context(collected(seed, folder)) for seed in HASH_SEEDS]
        pool = stack.enter_context(ThreadPoolExecutor(len(lanes) + (os.cpu_count() or 1)))
        tell = partial(told, sessions=sessions)
        in_lanes = [pool.submit(lambda orders: [*map(tell, orders)], orders) for orders in lanes]
        others = pool.map(tell, side_by_side)
        passed = [*others, *(each for orders in in_lanes for each in orders.result())]
    print(f"{passed.count(False)} of {len(passed)} runs failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
