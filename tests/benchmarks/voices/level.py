"""One level of load, and the second voice: the servers, the bot, and the metrics."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from tests.benchmarks.level import percentile
from tests.benchmarks.voices.timeline import FIRST_CHUNK, FIRST_SOUND, SPEAKING, WRITING
from tests.servers.exchanges import Asked
from tests.servers.model.server import ModelServer
from tests.servers.speechkit.scripts import Speaking
from tests.servers.speechkit.server import SpeechKitServer

#: The number of texts for the second voice, and for the clients without calls.
FALLBACKS, ALONE = 30, 40


class BotFailed(RuntimeError):
    """A process of the benchmark ended with an error, which it printed itself."""


@dataclass(frozen=True, slots=True)
class Level:
    calls: int
    seconds: float


async def measure(level: Level) -> dict[str, Any]:
    """Return the metrics of a level. Raises `BotFailed` and `ServerFailed`."""
    async with servers() as (speechkit, model):
        await speechkit.script_speaking(SPEAKING)
        await model.script_writing(WRITING)
        task = {"measure": "calls", "calls": level.calls, "seconds": level.seconds}
        printed = await run("bot", task, speechkit, model)
        asked = await speechkit.asked("UtteranceSynthesis")
    return {
        "calls": level.calls,
        "seconds": level.seconds,
        "cpu_seconds_per_call_minute": printed["cpu_seconds_per_call_minute"],
        **metrics(printed["turns"], printed["syntheses"], asked),
    }


async def measure_fallback() -> dict[str, float]:
    """Return the overhead of the second voice (ms) when the first one hangs."""
    async with servers() as (speechkit, model):
        await speechkit.script_speaking(Speaking(then="hang"))
        await speechkit.script_speaking(SPEAKING, over="http")
        printed = await run(
            "bot", {"measure": "fallback", "texts": FALLBACKS + 1}, speechkit, model
        )
    return dict(_percentiles("overhead", [after - FIRST_SOUND for after in printed["seconds"]]))


async def measure_alone() -> dict[str, float]:
    """Return the shares of our gRPC client and of the official one, without calls (ms)."""
    async with servers() as (speechkit, model):
        await speechkit.script_speaking(SPEAKING)
        seconds_of = {}
        for name, module in (("ours", "bot"), ("official", "official")):
            # The first text opens the connections.
            texts = [f"{name} {number}" for number in range(ALONE + 1)]
            task = {"measure": "alone", "texts": texts}
            printed = await run(module, task, speechkit, model)
            del printed[texts[0]]
            seconds_of[name] = list(client_seconds(printed, await speechkit.asked()))
    return {
        key: value for name in seconds_of for key, value in _percentiles(name, seconds_of[name])
    }


@asynccontextmanager
async def servers() -> AsyncIterator[tuple[SpeechKitServer, ModelServer]]:
    async with SpeechKitServer.started() as speechkit, ModelServer.started() as model:
        yield speechkit, model


async def run(
    module: str, task: Mapping[str, Any], speechkit: SpeechKitServer, model: ModelServer
) -> dict[str, Any]:
    """Run a process of this package; return the JSON that it prints. Raises `BotFailed`."""
    where = {"grpc_port": speechkit.grpc_port, "url": speechkit.url, "base_url": model.base_url}
    command = [sys.executable, "-m", f"{__package__}.{module}", json.dumps({**task, **where})]
    done = await trio.run_process(command, capture_stdout=True, check=False)
    if done.returncode != 0:
        raise BotFailed(f"{module} ended with exit code {done.returncode}; see above")
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def metrics(
    turns: Sequence[Mapping[str, Any]],
    syntheses: Mapping[str, float | None],
    asked: Sequence[Asked],
) -> dict[str, Any]:
    """Return the metrics of a level's turns, and of the gRPC client in their syntheses."""
    answered = [turn for turn in turns if turn["answer"] is not None]
    scripted = FIRST_CHUNK + FIRST_SOUND
    return {
        "turns": len(answered),
        "missed": len(turns) - len(answered),
        "broken": sum(turn["whole"] is False for turn in answered),
        "without_filler": sum(turn["filler"] is None for turn in answered),
        **dict(_percentiles("filler", _known(turn["filler"] for turn in answered))),
        **dict(_percentiles("written", _known(turn["written"] for turn in answered))),
        **dict(_percentiles("answer", [turn["answer"] for turn in answered])),
        **dict(_percentiles("wait", [turn["wait"] for turn in answered])),
        **dict(
            _percentiles(
                "overhead", [turn["answer"] - turn["wait"] - scripted for turn in answered]
            )
        ),
        **dict(_percentiles("client", list(client_seconds(syntheses, asked)))),
        "longest_gap_ms": max((turn["gap"] for turn in answered), default=0.0) * 1000,
    }


def client_seconds(
    syntheses: Mapping[str, float | None], asked: Sequence[Asked]
) -> Iterator[float]:
    """Yield the seconds from a text to its first sound, less the time that the server reports.

    They include the client, the network and the server's library. Each text is sent once."""
    for each in asked:
        first = syntheses.get(each.text)
        if first is not None and each.first is not None:
            yield first - (each.first - each.at)


def _known(values: Iterator[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _percentiles(what: str, values: Sequence[float]) -> Iterator[tuple[str, float]]:
    for percent in (50, 95):
        yield f"{what}_p{percent}_ms", percentile(values, percent / 100) * 1000
