"""All providers of a configuration together, with real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from callchart.adapters.carrier.caller import Cue, Script, ScriptedCaller, ScriptLine
from callchart.adapters.carrier.wav import WavLine
from callchart.adapters.service.config import Config
from callchart.adapters.service.providers.provider import Provider, SharedResources
from callchart.adapters.service.run.services import open_services
from callchart.adapters.service.run.supervisor import open_supervisor
from callchart.engine.chart import Step
from callchart.engine.data import Said
from callchart.engine.events import PlaybackFinished
from callchart.engine.ports import VoiceDetectors
from tests.adapters.service.reading import Read
from tests.adapters.tts.yandex.server import unused_address
from tests.benchmarks.providers import Voices
from tests.servers.model.scripts import Writing
from tests.servers.model.server import ModelServer
from tests.servers.speechkit.scripts import Speaking
from tests.servers.speechkit.server import SpeechKitServer
from tests.servers.tones import heard, speak

pytestmark = pytest.mark.real

SCRIPTS = """
[scripts]
greeting = "hi"
reprompt = "hello"
apology = "sorry"
regret = "sorry bye"
farewell = "bye"
waiting = "wait"
fillers = ["hm"]
[call]
end_of_turn = 0.1
"""


@pytest.fixture(scope="module")
def one_model() -> Iterator[ModelServer]:
    with ModelServer.running() as server:
        yield server


@pytest.fixture(scope="module")
def one_speechkit() -> Iterator[SpeechKitServer]:
    with SpeechKitServer.running() as server:
        yield server


@pytest.fixture
async def model(one_model: ModelServer) -> ModelServer:
    await one_model.reset()
    return one_model


@pytest.fixture
async def speechkit(one_speechkit: SpeechKitServer) -> SpeechKitServer:
    await one_speechkit.reset()
    return one_speechkit


@pytest.fixture
def configured(
    read: Read, model: ModelServer, speechkit: SpeechKitServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Config]:
    """Yield a configuration with real servers, and a voice detector that detects tones."""
    # Ignore the proxies that the environment names.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with unused_address() as dead:
        config = read(
            f"""
            [asterisk]
            user = "callchart"
            password = "secret"
            [speech]
            recognizer = "yandex"
            synthesizer = "yandex"
            synthesizer_fallback = "yandex_http"
            cache = "sounds"
            [speech.yandex]
            api_key = "secret"
            tts_url = "http://127.0.0.1:{speechkit.grpc_port}"
            stt_url = "http://127.0.0.1:{speechkit.grpc_port}"
            tts_http_url = "{speechkit.url}"
            [model]
            name = "first"
            key = "secret"
            base_url = "http://{dead}/v1"
            [model.fallback]
            name = "second"
            key = "secret"
            base_url = "{model.base_url}"
            {SCRIPTS}
            """
        )
        detectors: Provider[VoiceDetectors] = Provider("loudness", loudness)
        yield replace(config, speech=replace(config.speech, voice_detector=detectors))


@asynccontextmanager
async def loudness(resources: SharedResources) -> AsyncIterator[VoiceDetectors]:
    yield Voices()


def with_voice_at(config: Config, read: Read, server: SpeechKitServer) -> Config:
    """Return the same configuration, with another server for the voice over gRPC."""
    text = config.path.read_text().splitlines()
    moved = [
        f'tts_url = "http://127.0.0.1:{server.grpc_port}"' if "tts_url" in line else line
        for line in text
    ]
    speech = read("\n".join(moved)).speech
    return replace(config, speech=replace(speech, voice_detector=config.speech.voice_detector))


def caller(*questions: str) -> ScriptedCaller:
    """Return a caller who asks after 0.5 s of silence, and hangs up after the last answer."""
    silent = Cue("agent silent", 25)
    lines = tuple(ScriptLine(speak(each, 16000).pcm, silent) for each in questions)
    return ScriptedCaller(Script(16000, lines, hangup=silent, at_most_s=25))


async def test_a_call_continues_with_the_second_voice_and_model_when_the_first_ones_fail(
    configured: Config, read: Read, model: ModelServer, speechkit: SpeechKitServer
) -> None:
    await model.script_writing(Writing(text="beta gama.|"), containing="open")
    await model.script_writing(Writing(text="delt epsi.|"), containing="shut")
    async with SpeechKitServer.started() as voice:
        config = with_voice_at(configured, read, voice)

        def step(call_id: str, step: Step) -> None:
            if isinstance(step.event, PlaybackFinished) and step.event.reply == 2:
                voice.kill()

        line = WavLine(caller("open", "shut"))
        with trio.fail_after(60):
            async with (
                open_services(config) as opened,
                open_supervisor(config, opened.services, [step]) as supervisor,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(line.run)
                data = await supervisor.attend(line)
                nursery.cancel_scope.cancel()
    assert data
    said = [(item.who, item.text) for item in data.history if isinstance(item, Said)]
    assert said == [
        ("agent", "hi"),
        ("caller", "open"),
        ("agent", "beta gama."),
        ("caller", "shut"),
        ("agent", "delt epsi."),
    ]
    words = heard(line.recording.agent.tobytes(), 16000).split()
    assert [word for word in words if word != "hm"] == ["hi", "beta", "gama", "delt", "epsi"]
    assert await speechkit.texts("tts:synthesize") == ["delt epsi."]
    assert opened.voices.counters
    assert (opened.voices.counters.requests, opened.voices.counters.by_second) == (2, 1)
    assert opened.writers.counters
    assert (opened.writers.counters.requests, opened.writers.counters.by_second) == (2, 2)


async def test_scripts_use_the_first_voice_even_if_it_is_too_slow_for_a_call(
    configured: Config, speechkit: SpeechKitServer
) -> None:
    await speechkit.script_speaking(Speaking(first=2 * configured.speech.first_sound_s))
    async with open_services(configured):
        assert len(await speechkit.texts("UtteranceSynthesis")) == 7
        assert await speechkit.texts("tts:synthesize") == []


async def test_a_cache_lets_a_service_start_without_its_synthesizer(
    configured: Config, read: Read, speechkit: SpeechKitServer, tmp_path: Path
) -> None:
    async with open_services(configured) as opened:
        pass
    assert len(await speechkit.texts()) == 7
    assert len([*(tmp_path / "sounds").iterdir()]) == 7
    with unused_address() as dead:
        text = configured.path.read_text().replace(f":{speechkit.grpc_port}", f":{dead.port}")
        lost = read(text.replace(speechkit.url, f"http://{dead}"))
        async with open_services(lost) as again:
            pass
    for script in ("hi", "sorry bye"):
        assert again.services.phrases[script] == opened.services.phrases[script]


async def test_the_model_gets_tools_and_transfer_targets(
    configured: Config, read: Read, tmp_path: Path
) -> None:
    (tmp_path / "clock_tools.py").write_text(
        "from callchart.engine.tools.tool import tool\n"
        "@tool\ndef today() -> str:\n    'Today.'\n    return ''\n"
    )
    text = configured.path.read_text().replace("[model]", '[model]\ntools = "clock_tools:today"')
    config = read(text + '\n[transfer]\nallow = ["100", "2XX"]\n')
    async with open_services(config) as opened:
        services = opened.services
    assert [tool.spec.name for tool in services.tools] == ["today"]
    assert services.transfers == ("100", "2XX")


async def test_a_shared_resource_is_opened_once_and_closed_last() -> None:
    happened: list[str] = []

    @asynccontextmanager
    async def account() -> AsyncIterator[str]:
        happened.append("opened")
        try:
            yield "account"
        finally:
            happened.append("closed")

    async with SharedResources.open(16000) as resources:
        assert await resources.share(account) == "account"
        assert await resources.share(account) == "account"
        happened.append("used")
    assert happened == ["opened", "used", "closed"]
