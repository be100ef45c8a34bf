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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

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

    def pytest(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *self.command],
            env={**os.environ, "PYTHONHASHSEED": str(self.seed)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def failures(runs: list[Run], *, at_once: int) -> Iterator[Run]:
    """Do the runs, `at_once` beside each other; tell of each, and yield those that fail."""
    with ThreadPoolExecutor(at_once) as pool:
        for run, done in zip(runs, pool.map(Run.pytest, runs), strict=True):
            summary = done.stdout.rstrip().rpartition("\n")[2]
            print(f"{run.marked}, seed {run.seed}: {summary}", flush=True)
            if done.returncode != 0:
                print(f"{done.stdout}\nTo repeat it:\n  {run.line}", flush=True)
                yield run


def main() -> int:
    side_by_side = [
        *(Run("virtual and not real", seed) for seed in VIRTUAL_SEEDS),
        *(Run("not virtual and not real", seed) for seed in OTHER_SEEDS),
    ]
    # One at a time: these share the machine's real time.
    alone = [Run("real", seed) for seed in OTHER_SEEDS]
    failed = [*failures(side_by_side, at_once=os.cpu_count() or 1), *failures(alone, at_once=1)]
    print(f"{len(failed)} of {len(side_by_side) + len(alone)} runs failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
