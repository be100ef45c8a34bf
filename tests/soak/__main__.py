"""Make `--calls` random calls on all cores: `python -m tests.soak`.

Prints the journal of the first wrong call. The exit code is 1 if a call went wrong, or if the time
was too short for all calls. `--call N` repeats the call of that number.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import suppress
from time import perf_counter

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.soak import worker
from tests.soak.tally import Tally
from tests.soak.verdict import CallVerdict, judge

#: The number of calls that a process makes before it reports.
BATCH = 100
#: The number of wrong calls after which the soak stops.
ENOUGH = 20


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, metavar="N")
    parser.add_argument(
        "--first", type=int, default=0, metavar="N", help="the number of the first call"
    )
    parser.add_argument("--minutes", type=float, default=40.0, help="the time limit")
    parser.add_argument(
        "--call", type=int, metavar="N", help="repeat this call, and print its journal"
    )
    given = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    if given.call is not None:
        return _print_report(judge(given.call, reports=True), console)
    began = perf_counter()
    tally = _soak(given.first, given.calls, began + 60 * given.minutes, console)
    console.print(tally.table(perf_counter() - began))
    if tally.first is not None:
        console.print(f"\n{tally.failed} calls went wrong; the first is {tally.first.number}:\n")
        _print_report(tally.first, console)
        console.print(f"\nto repeat it: python -m tests.soak --call {tally.first.number}")
        return 1
    if tally.calls < given.calls:
        console.print(f"\nthere was time for only {tally.calls:,} of {given.calls:,} calls")
        return 1
    return 0


def _print_report(verdict: CallVerdict, console: Console) -> int:
    console.print(verdict.report, markup=False)
    console.print(f"\n{verdict.wrong or 'nothing'} went wrong", markup=False)
    return 1 if verdict.wrong else 0


def _soak(first: int, calls: int, until: float, console: Console) -> Tally:
    """Make all calls, or as many as the time allows."""
    tally = Tally()
    context = multiprocessing.get_context("spawn")
    with (
        suppress(KeyboardInterrupt),  # report the calls made so far
        ProcessPoolExecutor(os.cpu_count(), context, worker.begin) as pool,
        Progress(
            TextColumn("random calls"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[wrong]} wrong"),
            TimeRemainingColumn(),
            console=console,
        ) as progress,
    ):
        task = progress.add_task("", total=calls, wrong=0)
        batches = _batches(first, first + calls)
        pending: set[Future[list[CallVerdict]]] = set()
        while True:
            # Keep a few jobs ahead, so that no process waits, and few jobs are left to cancel.
            while len(pending) < 2 * (os.cpu_count() or 1) and (batch := next(batches, None)):
                pending.add(pool.submit(worker.judge_all, batch))
            if not pending:
                break
            done, pending = wait(pending, return_when="FIRST_COMPLETED")
            for future in done:
                for verdict in future.result():
                    tally.count(verdict)
            progress.update(task, completed=tally.calls, wrong=tally.failed)
            if perf_counter() > until or tally.failed >= ENOUGH:
                batches = iter(())
    return tally


def _batches(first: int, end: int) -> Iterator[range]:
    for begin in range(first, end, BATCH):
        yield range(begin, min(begin + BATCH, end))


if __name__ == "__main__":
    sys.exit(main())
