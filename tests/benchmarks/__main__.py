"""`make bench`: measure, print a table, write JSON, and on demand docs/performance.md.

It takes about six minutes, most of them in calls on the real clock. Run it on a quiet machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.benchmarks.output import Output, add_output
from tests.benchmarks.page import NoPlace
from tests.benchmarks.report import markdown, tables

#: Calls in one process, and the seconds that each lasts: fewer calls need more time for enough
#: turns.
LEVELS = ((1, 75.0), (10, 40.0), (50, 30.0), (100, 30.0))
FLOOR_SECONDS = 10.0
ALONE = ("decision", "turn", "memory", "virtual_spans", "virtual_frames")
MARK = "bench"


class BenchmarkFailed(RuntimeError):
    """A measurement's process ended with an error, which it printed itself."""


def main() -> int:
    arguments = _arguments()
    output, console = Output(MARK, arguments.json, arguments.page), Console()
    try:
        output.check()
        with Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
        ) as progress:
            results = _measure(progress)
        output.write(results, markdown(results))
    except (BenchmarkFailed, NoPlace, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    output.show(console, tables(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add_output(parser, MARK)
    return parser.parse_args()


def _measure(progress: Progress) -> dict[str, Any]:
    """Return all metrics, under the names that `report` reads."""
    jobs = len(ALONE) + 3 * len(LEVELS)
    task = progress.add_task("", total=jobs)
    machine: list[dict[str, float]] = []

    def run(what: str, name: str, *arguments: float) -> dict[str, float]:
        progress.update(task, description=f"{what:<28}")
        machine.append(_child("machine"))
        metrics = _child(name, *arguments)
        progress.advance(task)
        return metrics

    results: dict[str, Any] = {name: run(name.replace("_", " "), name) for name in ALONE}
    levels = results["levels"] = []
    for calls, seconds in LEVELS:
        what = f"{calls} calls"
        before = run(f"{what}, the bare loop", "floor", calls, FLOOR_SECONDS)
        engine = run(what, "engine", calls, seconds)
        after = run(f"{what}, the bare loop", "floor", calls, FLOOR_SECONDS)
        levels.append({**engine, **dict(_compared(engine, before, after))})
    medians = [measured["median_ms"] for measured in machine]
    return results | {
        "machine": {"least_ms": min(medians), "most_ms": max(medians)},
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "trio": version("trio"),
    }


def _compared(engine: dict[str, float], *floors: dict[str, float]) -> Iterator[tuple[str, float]]:
    for key in ("cpu_seconds_per_call_minute", "lateness_p99_ms"):
        mean = sum(floor[key] for floor in floors) / len(floors)
        yield f"floor_{key}", mean
        if key == "cpu_seconds_per_call_minute":
            yield "cpu_ratio", engine[key] / mean


def _child(name: str, *arguments: float) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.child", name, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise BenchmarkFailed(f"{name} ended with exit code {done.returncode}; see above")
    metrics: dict[str, float] = json.loads(done.stdout)
    return metrics


if __name__ == "__main__":
    sys.exit(main())
