"""One level of load: parallel calls, the CPU of each process, and the metrics of the calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import trio

from tests.asterisk.server import Asterisk
from tests.benchmarks.asterisk.child import Child
from tests.benchmarks.asterisk.processor import cpu_seconds
from tests.benchmarks.asterisk.record import Record, Turn, as_record
from tests.benchmarks.caller import Script
from tests.benchmarks.calls import SETTINGS
from tests.benchmarks.level import percentile

#: Calls that begin in a second.
ARRIVALS = 10.0
#: Seconds from the beginning of the last call to the measurement of CPU.
SETTLING = 2.0
CALLERS = 2

#: The decisions of a detector in order: the moment, and True for speech.
Edges = Sequence[tuple[float, bool]]


@dataclass(frozen=True, slots=True)
class Level:
    calls: int
    seconds: float
    detector: str = "silero"
    rate_hz: int = 16000

    @property
    def spread(self) -> float:
        """The seconds in which the calls begin."""
        return self.calls / ARRIVALS


async def measure(level: Level) -> dict[str, Any]:
    """Return the metrics of a level. Raises `ChildFailed` and `AsteriskFailed`."""
    async with AsyncExitStack() as stack:
        asterisk = await stack.enter_async_context(Asterisk.started())
        settings = {
            "url": asterisk.url,
            "user": asterisk.user,
            "password": asterisk.password,
            "rate_hz": level.rate_hz,
            "max_calls": level.calls,
        }
        bot_task = {"settings": settings, "detector": level.detector}
        bot = await stack.enter_async_context(Child.started("bot", bot_task))
        callers = []
        for first in range(min(CALLERS, level.calls)):
            task = {
                "first": first,
                "step": CALLERS,
                "calls": level.calls,
                "seconds": level.seconds,
                "spread": level.spread,
                "port": asterisk.sip_port,
            }
            callers.append(await stack.enter_async_context(Child.started("callers", task)))
        begins = perf_counter() + 1.0
        for child in callers:
            await child.send(begins)
        pids = {"bot": bot.pid, "asterisk": asterisk.pid}
        pids |= {f"callers{n}": child.pid for n, child in enumerate(callers)}
        cores = await _cores(pids, begins + level.spread + SETTLING, begins + level.seconds)
        records = [as_record(read) for child in callers for read in await child.stop()]
        edges: dict[str, Edges] = await bot.stop()
        version = asterisk.version
    return {
        "calls": level.calls,
        "seconds": level.seconds,
        "detector": level.detector,
        "rate_hz": level.rate_hz,
        "asterisk_version": version,
        **dict(_cpu(cores, level.calls)),
        **metrics(records, edges),
    }


async def _cores(pids: dict[str, int], since: float, until: float) -> dict[str, float]:
    """Measure how many cores each process uses between two moments."""
    await trio.sleep(since - perf_counter())
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    began = perf_counter()
    await trio.sleep(until - began)
    took = perf_counter() - began
    return {name: (cpu_seconds(pid) - before[name]) / took for name, pid in pids.items()}


def _cpu(cores: dict[str, float], calls: int) -> Iterator[tuple[str, Any]]:
    names = {"bot": "Callchart", "asterisk": "Asterisk"}
    for name in names:
        yield f"{name}_core", cores[name]
        yield f"{name}_cpu_seconds_per_call_minute", cores[name] / calls * 60
    callers = [used for name, used in cores.items() if name not in names]
    yield "callers_core", max(callers)
    yield "all_cores", sum(cores.values())
    busiest = max(cores, key=lambda name: cores[name])
    yield "busiest", names.get(busiest, "callers")


def metrics(records: Sequence[Record], edges: dict[str, Edges]) -> dict[str, Any]:
    """Return the metrics of the calls of a level (ms)."""
    answers, interruptions = [], []
    missed = 0
    for call in records:
        # The hangup may have cut off the last question.
        missed += sum(turn.answered is None for turn in call.turns[:-1])
        decided = edges.get(call.number, ())
        for turn in call.turns:
            if split := answer(turn, decided):
                answers.append(split)
            if split := interruption(turn, decided):
                interruptions.append(split)
    return {
        "turns": len(answers),
        "interruptions": len(interruptions),
        **dict(_percentiles("answer", answers)),
        **dict(_percentiles("interruption", interruptions)),
        "lost": sum(call.lost for call in records),
        "missed": missed,
        "missing": sum(call.missing for call in records),
        "late": sum(call.late for call in records),
        "longest_gap_ms": max((call.longest_gap for call in records), default=0.0) * 1000,
        "own_late": sum(call.own_late for call in records),
    }


def answer(turn: Turn, edges: Edges) -> tuple[float, float] | None:
    """Return two times (s): from the caller's last loud packet to the detector's decision, and from
    there to the bot's first loud packet, less the scripted time."""
    if turn.answered is None:
        return None
    ends = [at for at, speech in edges if not speech and turn.began < at < turn.answered]
    if not ends:
        return None
    scripted = Script().first_sound(SETTINGS.end_of_turn)
    return ends[-1] - turn.ended, turn.answered - ends[-1] - scripted


def interruption(turn: Turn, edges: Edges) -> tuple[float, float] | None:
    """Return two times (s): from the caller's first loud packet to the barge-in (the detector's
    decision plus the speech that the chart awaits), and from there to the bot's last loud packet,
    or 0 if that packet came before."""
    if turn.silenced is None:
        return None
    starts = [at for at, speech in edges if speech and turn.since < at < turn.ended]
    if not starts:
        return None
    barge_in = starts[0] + SETTINGS.barge_in_speech
    return barge_in - turn.began, max(0.0, turn.silenced - barge_in)


def _percentiles(what: str, splits: Sequence[tuple[float, float]]) -> Iterator[tuple[str, float]]:
    columns = {
        "detector": [detector for detector, _ in splits],
        "ours": [ours for _, ours in splits],
        "all": [detector + ours for detector, ours in splits],
    }
    for name, values in columns.items():
        for percent in (50, 95):
            yield f"{what}_{name}_p{percent}_ms", percentile(values, percent / 100) * 1000
