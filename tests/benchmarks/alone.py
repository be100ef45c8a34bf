"""The engine with nothing beside it: one decision, one turn, one call's memory, virtual time.

All on a clock that jumps, so that what is measured is work and never waiting."""

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

#: A line of spans takes a whole answer at once: nobody wakes up to refill it.
SPAN_SETTINGS = replace(SETTINGS, backlog=60.0)


def decision() -> dict[str, float]:
    """Microseconds of one decision: medians over every step of a call, each decided many times."""
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
    """CPU milliseconds of a turn: journal in memory, one frame a chunk, no delays, no frames.

    The least of several runs: what other work on the machine adds is not the engine's."""
    script = Script().without_delays_or_sound()
    asked: list[int] = []

    async def calls() -> None:
        taking = await supervisor(script, journal=lambda call_id: JournalList())

        async def one(number: int) -> None:
            caller = await spans(taking, script, 60.0, str(number))
            asked.append(caller.number)

        asked.clear()
        await _side_by_side(one, 5)

    return {"cpu_ms": min(_virtually(calls)[0] / sum(asked) for _ in range(12)) * 1000}


def memory(calls: int = 100) -> dict[str, float]:
    """What Python holds for a call in mid conversation, without a voice detector, in KB.

    The difference that tracemalloc sees between no call and `calls` calls, each at another moment
    of its turn; what the fakes allocate (a question's sound, above all) is left out."""
    held: list[int] = []
    script = Script()

    async def run() -> None:
        taking = await supervisor(script)
        await spans(taking, script, 30.0, "the first, which fills every cache")
        before = _held()

        async def one(number: int) -> None:
            await spans(taking, script, 60.0, str(number))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_side_by_side, one, calls)
            await trio.sleep(40.0)
            held.append(_held() - before)
            nursery.cancel_scope.cancel()

    tracemalloc.start()
    _virtually(run)
    tracemalloc.stop()
    return {"kb_per_call": held[0] / calls / 1024, "calls": calls}


def _held() -> int:
    """Bytes that are held now and were not allocated by these fakes."""
    gc.collect()
    fakes = tracemalloc.Filter(False, str(Path(__file__).parent / "*"))
    taken = tracemalloc.take_snapshot().filter_traces([fakes])
    return sum(trace.size for trace in taken.traces)


def virtual_spans() -> dict[str, float]:
    """Virtual call-seconds a second, where text and sound come in whole chunks."""
    calls, lasts, script = 10, 100.0, Script().in_spans()

    async def run() -> None:
        taking = await supervisor(script, settings=SPAN_SETTINGS)

        async def one(number: int) -> None:
            await spans(taking, script, lasts, str(number))

        await _side_by_side(one, calls)

    wall = min(_virtually(run)[1] for _ in range(6))
    return {"call_seconds_per_second": calls * lasts / wall}


def virtual_frames() -> dict[str, float]:
    """The same with every frame moved, beside the bare loop under the same clock."""
    calls, lasts, script = 10, 15.0, Script()

    async def engine() -> None:
        taking = await supervisor(script)

        async def one(number: int) -> None:
            await frames(taking, script, trio.current_time() + lasts, str(number))

        await _side_by_side(one, calls)

    async def bare() -> None:
        async def one(number: int) -> None:
            await floor.call(Sink(), trio.current_time(), trio.current_time() + lasts)

        await _side_by_side(one, calls)

    # In turns, so that both have the same machine.
    walls = [(_virtually(engine)[1], _virtually(bare)[1]) for _ in range(6)]
    engines, floors = (calls * lasts / min(column) for column in zip(*walls, strict=True))
    return {
        "call_seconds_per_second": engines,
        "floor_call_seconds_per_second": floors,
        "share_of_floor": engines / floors,
    }


async def _side_by_side(one: Callable[[int], Awaitable[None]], calls: int) -> None:
    """All at once, each a little after the one before: no two of them share their moments."""

    async def begin(number: int) -> None:
        await trio.sleep(number * 0.137)
        await one(number)

    async with trio.open_nursery() as nursery:
        for number in range(calls):
            nursery.start_soon(begin, number)


def _virtually(run: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Run on a clock that jumps: CPU seconds and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    trio.run(run, clock=virtual_clock())
    return time.process_time() - cpu, time.perf_counter() - wall
