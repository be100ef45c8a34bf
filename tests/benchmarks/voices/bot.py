"""The process of Callchart: the engine, the default chart, and the adapters of the real voices.

`python -m tests.benchmarks.voices.bot '{"calls": ...}'` prints the metrics of its calls as JSON.
Recognition and the caller are scripted: the measurement begins with the caller's text."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Any

import httpx2
import trio

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.grpc.dial import Address
from callchart.adapters.llm.openai import OpenAIModel
from callchart.adapters.tts.fallback import FIRST_SOUND_S, FallbackSynthesizer
from callchart.adapters.tts.yandex.grpc import YandexSynthesizer
from callchart.adapters.tts.yandex.http import YandexHttpSynthesizer
from callchart.adapters.yandex.credentials import ApiKey
from callchart.engine.chart import Step
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.ports import Speech, Synthesizer
from callchart.engine.scene import Services
from callchart.engine.supervisor import Supervisor
from callchart.states import CHART
from tests.benchmarks.caller import Caller, Script
from tests.benchmarks.calls import SETTINGS, attend, journal_files
from tests.benchmarks.level import staggered
from tests.benchmarks.providers import Ears, Voices
from tests.benchmarks.sink import RATE_HZ
from tests.benchmarks.voices.earpiece import Heard, VoiceLine
from tests.benchmarks.voices.timeline import SCRIPTS, answer, script
from tests.servers.tones import spoken

KEY = "benchmark"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn as the caller heard it.

    `filler`, `written` and `answer` are the seconds from the caller's text to the filler, to the
    end of the first chunk's text, and to the first sound of the answer, or None. `wait` is the time
    that the answer waited for the end of the filler's word (s), and `gap` the longest silence
    inside the answer (s). `whole` is True if every word was heard, and None in the last turn of a
    call, whose answer the hangup may have cut off."""

    filler: float | None
    written: float | None
    answer: float | None
    wait: float
    gap: float
    whole: bool | None


@dataclass(slots=True)
class Synthesis:
    """One synthesis: when it began (Trio's clock), and the seconds to its first sound."""

    at: float
    first: float | None = None


class Watched:
    """A synthesizer that notes the times of each text."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer
        self.asked: dict[str, Synthesis] = {}
        #: The first text of each answer, by its number.
        self.first_chunks: dict[str, Synthesis] = {}

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        asked = self.asked[text] = Synthesis(trio.current_time())
        self.first_chunks.setdefault(text.partition(" ")[0], asked)

        def first(speech: Speech) -> None:
            if asked.first is None:
                asked.first = trio.current_time() - asked.at
            out(speech)

        await self._synthesizer.synthesize(text, rate_hz, first)


class FillerWaits:
    """The waits of ready answers for a filler's word, by call and number of the reply."""

    def __init__(self) -> None:
        self._began: dict[str, int] = {}
        self.seconds: dict[tuple[str, int], float] = {}

    def note(self, call_id: str, step: Step) -> None:
        """Note when such a wait begins and ends. It is a `callchart.engine.call.Inspector`."""
        waits = step.after.leaf.endswith(".filler_ending")
        if waits and call_id not in self._began:
            self._began[call_id] = step.at_us
        elif not waits and (began := self._began.pop(call_id, None)) is not None:
            self.seconds[call_id, step.data.reply.number] = (step.at_us - began) / 1e6


async def calls(task: dict[str, Any]) -> dict[str, Any]:
    """Run `calls` calls of `seconds` each, begun over a few seconds."""
    caller_script, waits = script(RATE_HZ), FillerWaits()
    lines: list[VoiceLine] = []
    async with over_grpc(task) as synthesizer, model(task) as language_model:
        phrases, watched = Phrases(RATE_HZ), Watched(synthesizer)
        await phrases.prepare(watched, script_texts(SCRIPTS))
        watched.asked.clear()
        services = Services(Voices(), Ears(caller_script), watched, language_model, phrases)
        with journal_files() as journal:
            supervisor = Supervisor(
                CHART, services, SETTINGS, SCRIPTS, journal=journal, inspectors=[waits.note]
            )
            supervisor.settle()

            async def one(number: int, begins: float) -> None:
                await trio.sleep_until(begins)
                line = VoiceLine(str(number), Caller(caller_script, greeting=0.5))
                lines.append(line)
                await attend(supervisor, line, begins + task["seconds"])

            cpu = await staggered(one, task["calls"])
    return {
        "turns": [
            asdict(turn) for line in lines for turn in turns(line, watched, waits, caller_script)
        ],
        "syntheses": {text: asked.first for text, asked in watched.asked.items()},
        "cpu_seconds_per_call_minute": cpu / task["calls"] / task["seconds"] * 60,
    }


def turns(
    line: VoiceLine, watched: Watched, waits: FillerWaits, caller_script: Script
) -> Iterator[Turn]:
    """Yield the turns of an ended call, except an unanswered last one."""
    text_after = max(SETTINGS.end_of_turn, caller_script.final)
    for number in range(1, line.caller.number + 1):
        heard = line.earpiece.turns.get(number, Heard())
        if heard.answer is None and number == line.caller.number:
            return
        began = line.caller.ended[number] + text_after
        answer_number = heard.text.partition(" ")[0]
        written = watched.first_chunks.get(answer_number)
        whole = answer_number.isdigit() and heard.text == spoken(answer(int(answer_number)))
        yield Turn(
            filler=None if heard.filler is None else heard.filler - began,
            written=None if written is None else written.at - began,
            answer=None if heard.answer is None else heard.answer - began,
            # The greeting is the first reply.
            wait=waits.seconds.get((line.call_id, number + 1), 0.0),
            gap=heard.gap,
            whole=whole if number < line.caller.number else None,
        )


async def fallback(task: dict[str, Any]) -> dict[str, Any]:
    """Synthesize texts one after the other while the first voice hangs; return the seconds to the
    first sound of the second voice, less the time limit of the first."""
    overhead = []
    async with over_grpc(task) as first, over_http(task) as second:
        for number in range(task["texts"]):
            # A new breaker for each text: the first voice is tried every time.
            watched = Watched(FallbackSynthesizer(first, second, Breaker("first")))
            text = f"text {number}"
            await watched.synthesize(text, RATE_HZ, lambda speech: None)
            heard_after = watched.asked[text].first
            assert heard_after is not None, "the second voice speaks"
            overhead.append(heard_after - FIRST_SOUND_S)
    # The first text opens the connections.
    return {"seconds": overhead[1:]}


async def alone(task: dict[str, Any]) -> dict[str, Any]:
    """Synthesize texts one after the other; return the seconds to the first sound of each."""
    async with over_grpc(task) as synthesizer:
        watched = Watched(synthesizer)
        for text in task["texts"]:
            await watched.synthesize(text, RATE_HZ, lambda speech: None)
    return {text: asked.first for text, asked in watched.asked.items()}


def over_grpc(task: dict[str, Any]) -> AbstractAsyncContextManager[YandexSynthesizer]:
    return YandexSynthesizer.open(ApiKey(KEY), address=Address("127.0.0.1", task["grpc_port"]))


def over_http(task: dict[str, Any]) -> AbstractAsyncContextManager[YandexHttpSynthesizer]:
    return YandexHttpSynthesizer.open(ApiKey(KEY), url=task["url"])


def model(task: dict[str, Any]) -> AbstractAsyncContextManager[OpenAIModel]:
    # Ignore the proxies of the environment.
    transport = httpx2.AsyncHTTPTransport(trust_env=False)
    return OpenAIModel.open(
        model="scripted", api_key=KEY, base_url=task["base_url"], transport=transport
    )


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    measurements = {"calls": calls, "fallback": fallback, "alone": alone}
    print(json.dumps(trio.run(measurements[given["measure"]], given)))
