"""The process of Callchart: carrier, engine, default chart, and scripted providers.

It prints the moments of the voice detector's decisions, by the caller's number."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
import trio

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.vad.silero import SileroDetectors
from callchart.engine.chart import Step
from callchart.engine.events import CallStarted, SpeechEnded, SpeechStarted
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.ports import Speech, VoiceDetectors
from callchart.engine.scene import Services
from callchart.engine.supervisor import Supervisor
from callchart.states import CHART
from tests.benchmarks.asterisk import child
from tests.benchmarks.asterisk.energy import EnergyDetectors
from tests.benchmarks.caller import Script
from tests.benchmarks.calls import SCRIPTS, SETTINGS, journal_files
from tests.benchmarks.providers import Ears, Model


@cache
def tone(seconds: float, rate_hz: int) -> bytes:
    """Return a tone that is loud in each frame (s16le)."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (8000 * np.sin(2 * np.pi * 400 * times)).astype("<i2").tobytes()


class ToneVoicebox:
    """A synthesizer that makes a tone of a chunk's length, in pieces at scripted times."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        script, at = self._script, trio.current_time() + self._script.synthesis
        for _ in range(script.pieces):
            await trio.sleep_until(at)
            out(Speech(tone(script.chunk / script.pieces, rate_hz)))
            at += script.piece_every


class Edges:
    """The decisions of the detector: seconds of CLOCK_MONOTONIC, and True for speech."""

    def __init__(self) -> None:
        self.by_caller: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)
        self._began: dict[str, float] = {}

    def note(self, call_id: str, step: Step) -> None:
        """Note the detector's decision in this step. It is a `callchart.engine.call.Inspector`."""
        match step.event:
            case CallStarted():
                self._began[call_id] = perf_counter() - step.at_us / 1e6
            case SpeechStarted() | SpeechEnded() as event:
                at = self._began[call_id] + step.at_us / 1e6
                caller = step.data.facts.parties.caller
                self.by_caller[caller].append((at, isinstance(event, SpeechStarted)))
            case _:
                pass


async def main(task: dict[str, Any]) -> None:
    settings, edges = AsteriskSettings(**task["settings"]), Edges()
    detectors = await _detectors(task["detector"], settings)
    script, phrases = Script(), Phrases(settings.rate_hz)
    voicebox = ToneVoicebox(script)
    await phrases.prepare(voicebox, script_texts(SCRIPTS))
    services = Services(detectors, Ears(script), voicebox, Model(script), phrases)
    with journal_files() as journal:
        supervisor = Supervisor(
            CHART, services, SETTINGS, SCRIPTS, journal=journal, inspectors=[edges.note]
        )
        async with AsteriskCarrier.open(settings) as carrier, trio.open_nursery() as nursery:
            nursery.start_soon(supervisor.serve, carrier)
            child.say(child.READY)
            await _wait_for_stop()
            nursery.cancel_scope.cancel()
    child.say(json.dumps(edges.by_caller))


async def _detectors(name: str, settings: AsteriskSettings) -> VoiceDetectors:
    if name == "energy":
        return EnergyDetectors()
    silero = SileroDetectors(settings.max_calls)
    await silero.build_ahead(settings.rate_hz)
    return silero


async def _wait_for_stop() -> None:
    async with trio.lowlevel.FdStream(os.dup(0)) as stdin:
        await stdin.receive_some()


if __name__ == "__main__":
    trio.run(main, child.task())
