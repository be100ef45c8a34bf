"""`make flakes`: the tests again and again, so that a test which depends on luck shows itself.

Tests on the virtual clock run under 50 seeds, each of which settles the order in which Trio runs
tasks, hypothesis's examples and the order of sets; the others, those of real processes and sockets
among them, run 5 times. A failure prints what pytest said and the line that repeats it.
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

VIRTUAL_SEEDS = range(1, 51)
OTHER_SEEDS = range(1, 6)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest: the tests that `marked` selects, under one seed."""

    marked: str
    seed: int

    @property
    def command(self) -> list[str]:
        return [
            *("-m", "pytest", "-m", self.marked, "-q", "-p", "no:cacheprovider"),
            *("--hypothesis-profile=flakes", f"--hypothesis-seed={self.seed}"),
            f"--callchart-seed={self.seed}",
        ]

    @property
    def line(self) -> str:
        """What to type to see this run once more."""
        return shlex.join([f"PYTHONHASHSEED={self.seed}", sys.executable, *self.command])

    def pytest(self, compiled: str) -> subprocess.CompletedProcess[str]:
        """`compiled` is a folder for bytecode: compiling all tests takes a sixth of a run."""
        environment = {
            **os.environ,
            "PYTHONHASHSEED": str(self.seed),
            "PYTHONPYCACHEPREFIX": compiled,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return subprocess.run(
            [sys.executable, *self.command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def told(run: Run, compiled: str) -> bool:
    """Do a run, and tell of it; did it pass?"""
    done = run.pytest(compiled)
    summary = done.stdout.rstrip().rpartition("\n")[2]
    print(f"{run.marked}, seed {run.seed}: {summary}", flush=True)
    if done.returncode != 0:
        print(f"{done.stdout}\nTo repeat it:\n  {run.line}", flush=True)
    return done.returncode == 0


def main() -> int:
    # Each kind one at a time: runs on the real clock must not wait for each other. Those that call
    # a real Asterisk wait for most of their time, and take no core from the others.
    alone = [Run("real and not asterisk", seed) for seed in OTHER_SEEDS]
    asterisk = [Run("asterisk", seed) for seed in OTHER_SEEDS]
    side_by_side = [
        *(Run("virtual and not real", seed) for seed in VIRTUAL_SEEDS),
        *(Run("not virtual and not real", seed) for seed in OTHER_SEEDS),
    ]
    with (
        TemporaryDirectory(prefix="callchart-flakes-") as compiled,
        ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool,
    ):
        one_by_one = [
            pool.submit(lambda runs: [told(run, compiled) for run in runs], runs)
            for runs in (alone, asterisk)
        ]
        others = pool.map(partial(told, compiled=compiled), side_by_side)
        passed = [*others, *(each for runs in one_by_one for each in runs.result())]
    print(f"{passed.count(False)} of {len(passed)} runs failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
