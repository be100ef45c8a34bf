"""The default caller, with real speech, calls a simple agent over the WAV line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from numpy.typing import NDArray
from trio.testing import MockClock

from callchart.adapters.carrier.audio_file import Recording, read_audio
from callchart.adapters.carrier.caller import ScriptedCaller, one_line, read_caller
from callchart.adapters.carrier.wav import WavCarrier, WavLine
from callchart.engine.ports import Closed, Line, LineGone, RemoteHungUp
from tests.contracts.line import loud_seconds, tone

DEMO = Path(__file__).parents[3] / "adapters/service/demo"
MANIFEST: dict[str, dict[str, Any]] = json.loads((DEMO / "samples/manifest.json").read_text())


async def agent(line: Line) -> None:
    """Greet, stop when the caller speaks, and answer 0.7 s after they stop."""
    line.answer()
    line.play(tone(2.0, line.rate_hz))
    quiet, asked = 0.0, False
    try:
        while True:
            pcm = await line.receive_audio()
            if loud_seconds(pcm, line.rate_hz) > 0:
                line.flush()
                quiet, asked = 0.0, True
            else:
                quiet += len(pcm) / 2 / line.rate_hz
            if asked and quiet >= 0.7:
                asked = False
                line.play(tone(5.0, line.rate_hz))
    except LineGone:
        return


async def call(caller: ScriptedCaller) -> WavLine:
    """Run a whole call, and return its line."""
    line = WavLine(caller)
    with trio.fail_after(300):  # for a broken caller: `at_most` is shorter
        async with trio.open_nursery() as nursery:
            await WavCarrier(line, nursery).accept()
            nursery.start_soon(agent, line)
    assert await line.signal() == RemoteHungUp()
    assert await line.signal() == Closed()
    return line


def turns(side: NDArray[np.int16], rate_hz: int) -> list[tuple[float, float]]:
    """Return the begin and end of each turn in seconds. A pause of half a second ends a turn."""
    loud = np.flatnonzero(np.abs(side.astype(int)) > 300) / rate_hz
    gaps = np.flatnonzero(np.diff(loud) > 0.5)
    begins, ends = [loud[0], *loud[gaps + 1]], [*loud[gaps], loud[-1]]
    return [(float(begin), float(end)) for begin, end in zip(begins, ends, strict=True)]


def speech(name: str) -> float:
    """Return the duration of a sample's words, in seconds."""
    return float(MANIFEST[name]["speech_end_s"] - MANIFEST[name]["speech_start_s"])


async def test_the_default_caller_has_three_turns_interrupts_twice_and_says_goodbye(
    autojump_clock: MockClock,
) -> None:
    line = await call(ScriptedCaller(read_caller(DEMO / "caller.toml", 16000)))
    recording: Recording = line.recording
    hours, yes, interruption, price, goodbye = turns(recording.caller, 16000)
    greeting, paused, cut_short, answer, next_answer, farewell = turns(recording.agent, 16000)

    said = ["en_hours", "en_yes", "en_interrupt", "en_price", "en_goodbye"]
    spoken = (hours, yes, interruption, price, goodbye)
    for (begin, end), name in zip(spoken, said, strict=True):
        assert end - begin == pytest.approx(speech(name), abs=0.1)
    assert greeting[1] < hours[0]
    assert paused[0] < yes[0] < cut_short[0]
    # The caller hears 2.5 s of the answer; their sample begins with half a second of silence.
    assert interruption[0] - cut_short[0] == pytest.approx(3.0, abs=0.1)
    assert cut_short[1] - interruption[0] == pytest.approx(0.0, abs=0.06)
    assert interruption[1] < answer[0] < answer[1] < price[0]
    assert price[1] < next_answer[0] < next_answer[1] < goodbye[0]
    assert goodbye[1] < farewell[0]
    assert len(recording.caller) / 16000 == pytest.approx(farewell[1] + 2.5, abs=0.1)


async def test_a_caller_with_a_silent_file_hangs_up_after_the_greeting(
    autojump_clock: MockClock,
) -> None:
    line = await call(ScriptedCaller(one_line(bytes(16000 * 2 * 3), 16000)))
    ((begin, end),) = turns(line.recording.agent, 16000)
    assert (begin, end) == pytest.approx((0.02, 2.02), abs=0.001)
    assert not line.recording.caller.any()
    assert len(line.recording.caller) / 16000 == pytest.approx(5.5, abs=0.021)


@pytest.mark.parametrize("name", MANIFEST)
def test_a_sample_matches_its_manifest(name: str) -> None:
    facts = MANIFEST[name]
    sound = np.frombuffer(read_audio(DEMO / f"samples/{name}.wav", 16000), "<i2")
    begin, end = turns(sound, 16000)[0][0], turns(sound, 16000)[-1][1]
    assert len(sound) / 16000 == pytest.approx(facts["duration_s"], abs=0.021)  # a frame
    assert begin == pytest.approx(facts["speech_start_s"], abs=0.1)
    assert end == pytest.approx(facts["speech_end_s"], abs=0.1)


def test_every_sample_is_in_the_manifest() -> None:
    assert {path.stem for path in (DEMO / "samples").glob("*.wav")} == set(MANIFEST)
