"""The engine alone: one decision, one turn, the memory of one call, calls in virtual time.

Everything runs on a clock that jumps: the measurements contain work alone, and no waiting."""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import trio

from callchart.engine.chart import Occurrence, Step, decide
from callchart.engine.journal import JournalList
from callchart.engine.testing import virtual_clock
from callchart.states import CHART
from tests.benchmarks import floor
from tests.benchmarks.caller import Script
from tests.benchmarks.calls import SETTINGS, frames, spans, supervisor
from tests.benchmarks.sink import Sink

#: A line of spans takes a whole answer in one piece: no task wakes up to refill it.
SPAN_SETTINGS = replace(SETTINGS, backlog=60.0)


def decision() -> dict[str, float]:
    """Measure one decision (us): the median over the steps of a call, each decided 200 times."""
    steps: list[Step] = []

    async def call() -> None:
        taking = await supervisor(Script(), inspectors=[lambda call_id, step: steps.append(step)])
        await spans(taking, Script(), 120.0, "steps")

    _virtually(call)
    took: dict[bool, list[float]] = {True: [], False: []}
    for before, step in pairwise(steps):
        times = [_decide(before, step.occurrence) for _ in range(200)]
        took[bool(step.entries)].append(statistics.median(times))
    return {
        "us": statistics.median(took[True] + took[False]),
        "transition_us": statistics.median(took[True]),
        "internal_us": statistics.median(took[False]),
    }


def _decide(before: Step, occurrence: Occurrence) -> float:
    began = time.perf_counter()
    decide(CHART, before.after, before.data, occurrence)
    return (time.perf_counter() - began) * 1e6


def turn() -> dict[str, float]:
    """Measure the CPU time of a turn (ms), without delays and with one frame of sound a chunk.

    Journals are in memory, and the line takes spans. The least of several runs counts, because
    other work on the machine only adds to it."""
    script = Script().without_delays_or_sound()
    asked: list[int] = []

    async def calls() -> None:
        taking = await supervisor(script, journal=lambda call_id: JournalList())

        async def one(number: int) -> None:
            caller = await spans(taking, script, 60.0, str(number))
            asked.append(caller.number)

        asked.clear()
        await _in_parallel(one, 5)

    return {"cpu_ms": min(_virtually(calls)[0] / sum(asked) for _ in range(12)) * 1000}


def memory(calls: int = 100) -> dict[str, float]:
    """Measure the memory of a call in mid conversation, without a voice detector (KB).

    The result is the difference that tracemalloc sees between no call and `calls` calls, each at
    another moment of its turn, without the allocations of the fakes."""
    held: list[int] = []
    script = Script()

    async def run() -> None:
        taking = await supervisor(script)
        await spans(taking, script, 30.0, "the first, which fills every cache")
        before = _held()

        async def one(number: int) -> None:
            await spans(taking, script, 60.0, str(number))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_in_parallel, one, calls)
            await trio.sleep(40.0)
            held.append(_held() - before)
            nursery.cancel_scope.cancel()

    tracemalloc.start()
    _virtually(run)
    tracemalloc.stop()
    return {"kb_per_call": held[0] / calls / 1024, "calls": calls}


def _held() -> int:
    """Return the bytes in use that were not allocated by these fakes."""
    gc.collect()
    fakes = tracemalloc.Filter(False, str(Path(__file__).parent / "*"))
    taken = tracemalloc.take_snapshot().filter_traces([fakes])
    return sum(trace.size for trace in taken.traces)


def virtual_spans() -> dict[str, float]:
    """Measure the seconds of calls per real second; text and sound come in whole chunks."""
    calls, lasts, script = 10, 100.0, Script().in_spans()

    async def run() -> None:
        taking = await supervisor(script, settings=SPAN_SETTINGS)

        async def one(number: int) -> None:
            await spans(taking, script, lasts, str(number))

        await _in_parallel(one, calls)

    wall = min(_virtually(run)[1] for _ in range(6))
    return {"call_seconds_per_second": calls * lasts / wall}


def virtual_frames() -> dict[str, float]:
    """Measure the same with single frames, and compare it with the bare loop."""
    calls, lasts, script = 10, 15.0, Script()

    async def engine() -> None:
        taking = await supervisor(script)

        async def one(number: int) -> None:
            await frames(taking, script, trio.current_time() + lasts, str(number))

        await _in_parallel(one, calls)

    async def bare() -> None:
        async def one(number: int) -> None:
            await floor.call(Sink(), trio.current_time(), trio.current_time() + lasts)

        await _in_parallel(one, calls)

    # Alternate, so that other work on the machine hits both.
    walls = [(_virtually(engine)[1], _virtually(bare)[1]) for _ in range(6)]
    engines, floors = (calls * lasts / min(column) for column in zip(*walls, strict=True))
    return {
        "call_seconds_per_second": engines,
        "floor_call_seconds_per_second": floors,
        "ratio_to_floor": engines / floors,
    }


async def _in_parallel(one: Callable[[int], Awaitable[None]], calls: int) -> None:
    """Run all calls in parallel, each a little later than the one before."""

    async def begin(number: int) -> None:
        await trio.sleep(number * 0.137)
        await one(number)

    async with trio.open_nursery() as nursery:
        for number in range(calls):
            nursery.start_soon(begin, number)


def _virtually(run: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Run on a clock that jumps; return CPU seconds and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    trio.run(run, clock=virtual_clock())
    return time.process_time() - cpu, time.perf_counter() - wall
