"""Whole calls over a real Asterisk, with a telephone, the engine and the default chart."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier
from callchart.adapters.carrier.asterisk.settings import AudioSocketSettings, ListenSettings
from callchart.adapters.carrier.audio_file import read_audio
from callchart.adapters.llm.openai import OpenAIModel
from callchart.adapters.service.demo import answers
from callchart.adapters.service.demo.answers import Answers
from callchart.adapters.service.demo.clock import RealClock
from callchart.adapters.service.demo.loopback import Loopback
from callchart.adapters.service.demo.model_server import MODEL, ModelServer, serve
from callchart.adapters.stt.pocketsphinx.recognizer import PocketsphinxRecognizer
from callchart.adapters.tts.espeak.synthesizer import EspeakSynthesizer
from callchart.adapters.vad.silero import SileroDetectors
from callchart.engine.call import Inspector
from callchart.engine.chart import Step
from callchart.engine.data import CallData, Scripts
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.scene import Services
from callchart.engine.supervisor import Supervisor
from callchart.states import CHART
from callchart.states.settings import PhoneSettings
from tests.adapters.carrier.asterisk.carrier_call import carrying
from tests.asterisk.call import Call
from tests.asterisk.codec import L16
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk, DialsBot
from tests.benchmarks.caller import Script
from tests.benchmarks.calls import SETTINGS, supervisor
from tests.benchmarks.sink import sound

pytestmark = pytest.mark.real

RATE_HZ = 16000
SAMPLES = Path(__file__).parents[3] / "samples"


class Bot:
    """The default chart on a carrier: every step of its calls, and each call's data at its end."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.ended: list[CallData | None] = []
        self._changed = trio.lowlevel.ParkingLot()

    def note(self, call_id: str, step: Step) -> None:
        self.steps.append(step)
        self._changed.unpark_all()

    @property
    def state(self) -> str:
        return self.steps[-1].after.leaf if self.steps else ""

    async def until(self, name: str) -> None:
        """Wait until the call is in a state of that name."""
        with trio.fail_after(60):
            while name not in self.state.split("."):
                await self._changed.park()

    async def serve(self, carrier: AsteriskCarrier, supervisor: Supervisor) -> None:
        while True:
            self.ended.append(await supervisor.attend(await carrier.accept()))


@asynccontextmanager
async def offline_services() -> AsyncIterator[Services]:
    """Open real speech providers, and a model client whose server is in this process."""
    loopback = Loopback(RealClock())
    detectors = SileroDetectors()
    await detectors.build_ahead(RATE_HZ)
    async with (
        EspeakSynthesizer.open() as synthesizer,
        PocketsphinxRecognizer.open() as recognizer,
        trio.open_nursery() as nursery,
    ):
        script = Answers.read(Path(answers.__file__).with_name("answers.toml"))
        server: ModelServer = await nursery.start(serve, script, loopback)
        phrases = Phrases(RATE_HZ)
        await phrases.prepare(synthesizer, script_texts(Scripts()))
        async with OpenAIModel.open(
            model=MODEL, api_key="offline", base_url=server.url, transport=loopback.transport()
        ) as model:
            yield Services(detectors, recognizer, synthesizer, model, phrases)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def a_call(
    asterisk: Asterisk, make: Callable[[Inspector], Awaitable[Supervisor]], **others: Any
) -> AsyncIterator[tuple[Call, Bot]]:
    """Call the bot with a telephone. It hangs up after the block."""
    bot = Bot()
    taking = await make(bot.note)
    async with (
        carrying(asterisk, **others) as carrier,
        Phone.open(L16) as phone,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(bot.serve, carrier, taking)  # noqa: ASYNC113 - the carrier keeps calls
        call = phone.dial("bot", asterisk.sip_port)
        with trio.fail_after(60):
            await call.answered()
        yield call, bot
        call.hang_up()
        await bot.until("ended")
        nursery.cancel_scope.cancel()


async def scripted(inspector: Inspector) -> Supervisor:
    """Return a supervisor with scripted providers, for which every sound is speech."""
    return await supervisor(
        Script(first_token=0.3, chunk=0.4),
        settings=replace(SETTINGS, end_of_turn=0.2),
        inspectors=[inspector],
    )


def sample(name: str) -> bytes:
    return read_audio(SAMPLES / f"{name}.wav", RATE_HZ)


async def test_a_caller_asks_interrupts_and_says_goodbye(asterisk: Asterisk) -> None:
    async with offline_services() as services:

        async def offline(inspector: Inspector) -> Supervisor:
            return Supervisor(CHART, services, PhoneSettings(), Scripts(), inspectors=[inspector])

        async with a_call(asterisk, offline) as (call, bot):
            await bot.until("listening")
            call.say(sample("en_hours"))
            await bot.until("speaking")
            with trio.fail_after(60):
                speaking = await call.until_loud(after=trio.current_time())
            # Interrupt the answer.
            await trio.sleep_until(speaking + 1.5)
            call.say(sample("en_interrupt"))
            await bot.until("barged_in")
            interrupted = trio.current_time()
            with trio.fail_after(60):
                silent = await call.until_silent(0.2, after=speaking)
            assert silent - interrupted < 0.1
            await bot.until("speaking")
            await bot.until("listening")
            call.say(sample("en_goodbye"))
            with trio.fail_after(60):
                assert (await call.ended()).by == "them"
    ended = bot.ended[0]
    assert ended is not None
    said = [(said.who, said.interrupted) for said in ended.said]
    assert said[:3] == [("agent", False), ("caller", False), ("agent", True)]
    assert "open" in ended.said[2].text
    assert "public holidays" not in ended.said[2].text


@pytest.mark.parametrize("state", ["greeting", "listening", "settling", "thinking", "speaking"])
async def test_the_caller_hangs_up_in_any_state(asterisk: Asterisk, state: str) -> None:
    async with a_call(asterisk, scripted) as (call, bot):
        await bot.until("greeting")
        if state != "greeting":
            await bot.until("listening")
        if state not in ("greeting", "listening"):
            call.say(sound(1, 0.4))
        await bot.until(state)
        call.hang_up()
        await bot.until("ended")


@pytest.mark.parametrize("media", ["websocket_client", "audiosocket"])
async def test_a_turn_over_other_media(start_asterisk: StartAsterisk, media: str) -> None:
    port = free_port()
    others: dict[str, Any] = {"media": media}
    if media == "audiosocket":
        others["audiosocket"] = AudioSocketSettings(port=port)
    else:
        others["listen"] = ListenSettings(port=port, password="secret")
    async with start_asterisk(media_url=f"ws://127.0.0.1:{port}/media") as own:
        await a_turn(own, others)


@pytest.mark.parametrize("control", ["persistent", "per_call"])
async def test_a_turn_where_asterisk_dials_us(start_asterisk: StartAsterisk, control: str) -> None:
    port = free_port()
    dials = DialsBot(
        f"ws://127.0.0.1:{port}/ari",
        "asterisk",
        "secret",
        "persistent" if control == "persistent" else "per_call_config",
    )
    async with start_asterisk(control=dials) as own:
        await a_turn(
            own, {"control": control, "listen": ListenSettings(port=port, password="secret")}
        )


async def a_turn(asterisk: Asterisk, others: dict[str, Any]) -> None:
    async with a_call(asterisk, scripted, **others) as (call, bot):
        await bot.until("listening")
        call.say(sound(1, 0.4))
        await bot.until("speaking")
        await bot.until("listening")


def free_port() -> int:
    """Return a free port, to configure Asterisk before we listen there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
