"""One level of load on the real clock: parallel calls, with the engine or as a bare loop."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import trio

from tests.benchmarks import floor
from tests.benchmarks.caller import Script
from tests.benchmarks.calls import Turns, frames, journal_files, supervisor
from tests.benchmarks.sink import Sink

#: Calls begin one after the other, spread over this many seconds.
SPREAD = 5.0


def percentile(values: Sequence[float], ratio: float) -> float:
    """Return the value below which `ratio` of the values lie; NaN without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(ratio * len(ordered)))] if ordered else float("nan")


async def engine_level(calls: int, seconds: float) -> dict[str, float]:
    """Measure the engine in `calls` calls of `seconds` each, with journals."""
    turns, script = Turns(), Script()

    with journal_files() as journal:
        taking = await supervisor(script, journal=journal)
        taking.settle()  # as a service does before its first call

        async def one(number: int, began: float) -> None:
            await trio.sleep_until(began)
            turns.add(await frames(taking, script, began + seconds, str(number)))

        cpu = await staggered(one, calls)
    return {
        "calls": calls,
        "seconds": seconds,
        "cpu_seconds_per_call_minute": cpu / calls / seconds * 60,
        "turns": turns.answered,
        "overhead_p50_ms": percentile(turns.overhead, 0.5) * 1000,
        "overhead_p95_ms": percentile(turns.overhead, 0.95) * 1000,
        "interruptions": len(turns.to_flush),
        "interrupt_to_flush_p50_ms": percentile(turns.to_flush, 0.5) * 1000,
        "interrupt_to_flush_p95_ms": percentile(turns.to_flush, 0.95) * 1000,
        "interrupt_to_last_frame_p50_ms": percentile(turns.to_last_frame, 0.5) * 1000,
        "interrupt_to_last_frame_p95_ms": percentile(turns.to_last_frame, 0.95) * 1000,
        "lateness_p99_ms": percentile(turns.lateness, 0.99) * 1000,
        "missed": turns.missed,
        "double": turns.double,
        "stale": turns.stale,
    }


async def floor_level(calls: int, seconds: float) -> dict[str, float]:
    """Measure the bare loop with the frames of as many calls."""
    lateness: list[float] = []

    async def one(number: int, began: float) -> None:
        sink = Sink()
        await floor.call(sink, began, began + seconds)
        lateness.extend(sink.lateness)

    cpu = await staggered(one, calls)
    return {
        "cpu_seconds_per_call_minute": cpu / calls / seconds * 60,
        "lateness_p99_ms": percentile(lateness, 0.99) * 1000,
    }


async def staggered(one: Callable[[int, float], Awaitable[None]], calls: int) -> float:
    """Run `one` for each call, begun one after the other; return the CPU seconds of the process."""
    first, before = trio.current_time() + 0.1, time.process_time()
    async with trio.open_nursery() as nursery:
        for number in range(calls):
            nursery.start_soon(one, number, first + number * SPREAD / calls)
    return time.process_time() - before
