"""`make flakes`: the tests again and again, so that a test which depends on luck shows itself.

Tests on the virtual clock run under 50 seeds, each of which settles the order in which Trio runs
tasks, hypothesis's examples and the order of sets; the others, those of real processes and sockets
among them, run 5 times: stories under other schedules each time. A failure prints what pytest said
and the line that repeats it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory

from tests.conftest import SEEDS_A_RUN

#: A run takes two more that follow.
VIRTUAL_SEEDS = range(1, 51, SEEDS_A_RUN)
OTHER_SEEDS = range(1, 6)
#: Under how many schedules a story happens in each run.
SCHEDULES = 40


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest: the tests that `marked` selects, under one seed."""

    marked: str
    seed: int
    where: tuple[str, ...] = ("tests",)

    @property
    def command(self) -> list[str]:
        return [
            *("-m", "pytest", "-m", self.marked, "-q", "-p", "no:cacheprovider", *self.where),
            *("--hypothesis-profile=flakes", f"--hypothesis-seed={self.seed}"),
            *(f"--callchart-seed={self.seed}", f"--callchart-schedules={SCHEDULES}"),
        ]

    @property
    def line(self) -> str:
        """What to type to see this run once more."""
        return shlex.join([f"PYTHONHASHSEED={self.seed}", sys.executable, *self.command])

    def pytest(self, compiled: str, niceness: int) -> subprocess.CompletedProcess[str]:
        """`compiled` is a folder for bytecode: compiling all tests takes a sixth of a run."""
        environment = {
            **os.environ,
            "PYTHONHASHSEED": str(self.seed),
            "PYTHONPYCACHEPREFIX": compiled,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return subprocess.run(
            ["nice", "-n", str(niceness), sys.executable, *self.command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def told(run: Run, compiled: str, niceness: int = 0) -> bool:
    """Do a run, and tell of it; did it pass?"""
    done = run.pytest(compiled, niceness)
    summary = done.stdout.rstrip().rpartition("\n")[2]
    print(f"{run.marked} ({run.where[0]}), seed {run.seed}: {summary}", flush=True)
    if done.returncode != 0:
        print(f"{done.stdout}\nTo repeat it:\n  {run.line}", flush=True)
    return done.returncode == 0


def main() -> int:
    # Three lanes of tests on the real clock: in none of them two wait for each other. They wait for
    # most of their time; what only computes gives way to them.
    carrier = "tests/adapters/carrier/asterisk"
    lanes = [
        [Run("real and not asterisk", seed, (f"--ignore={carrier}",)) for seed in OTHER_SEEDS],
        [Run("real", seed, (carrier,)) for seed in OTHER_SEEDS],
        [Run("asterisk", seed, (f"--ignore={carrier}",)) for seed in OTHER_SEEDS],
    ]
    side_by_side = [
        *(Run("virtual and not real", seed) for seed in VIRTUAL_SEEDS),
        *(Run("not virtual and not real", seed) for seed in OTHER_SEEDS),
    ]
    with (
        TemporaryDirectory(prefix="callchart-flakes-") as compiled,
        ThreadPoolExecutor(len(lanes) + (os.cpu_count() or 1)) as pool,
    ):
        in_lanes = [
            pool.submit(lambda runs: [told(run, compiled) for run in runs], runs) for runs in lanes
        ]
        others = pool.map(partial(told, compiled=compiled, niceness=19), side_by_side)
        passed = [*others, *(each for runs in in_lanes for each in runs.result())]
    print(f"{passed.count(False)} of {len(passed)} runs failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
