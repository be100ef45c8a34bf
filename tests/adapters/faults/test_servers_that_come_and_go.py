"""Restarted servers, expired tokens and a hundred ended calls: no caller notices, and nothing
stays open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.grpc.dial import Address
from callchart.adapters.tts.fallback import FallbackSynthesizer
from callchart.adapters.tts.yandex.grpc import YandexSynthesizer
from callchart.adapters.tts.yandex.http import YandexHttpSynthesizer
from callchart.adapters.yandex.credentials import ApiKey, Credentials
from callchart.adapters.yandex.iam import IamTokens
from callchart.adapters.yandex.token_sources import tokens_of_machine
from callchart.engine.data import Said
from callchart.engine.tools.toolbox import Toolbox
from tests.adapters.faults.conversation import (
    LONGEST_SILENCE_S,
    conversation,
    open_model,
)
from tests.adapters.faults.problems import Problems
from tests.benchmarks.sink import RATE_HZ
from tests.contracts.language_model import Listener
from tests.servers.model.scripts import Writing
from tests.servers.model.server import ModelServer
from tests.servers.speechkit.scripts import Speaking
from tests.servers.speechkit.server import SpeechKitServer

pytestmark = pytest.mark.real

KEY = ApiKey("secret")
ANSWER = "beta gama delt epsi"

#: A word each 0.2 s, which is a little faster than it is spoken.
STEADILY = Speaking(piece=0.28, every=0.2)

#: Seconds that a hundred may take to begin.
BOUND = 30.0


@pytest.fixture(scope="module")
def one_model() -> Iterator[ModelServer]:
    with ModelServer.running() as server:
        yield server


@pytest.fixture(scope="module")
def one_speechkit() -> Iterator[SpeechKitServer]:
    with SpeechKitServer.running() as server:
        yield server


@pytest.fixture
async def model_server(one_model: ModelServer) -> ModelServer:
    await one_model.reset()
    await one_model.script_writing(Writing(text=f"{ANSWER}.|"))
    return one_model


@pytest.fixture
async def speechkit(one_speechkit: SpeechKitServer) -> SpeechKitServer:
    await one_speechkit.reset()
    await one_speechkit.script_speaking(STEADILY)
    return one_speechkit


@asynccontextmanager
async def voice_of(
    server: SpeechKitServer, credentials: Credentials = KEY
) -> AsyncIterator[YandexSynthesizer]:
    address = Address("127.0.0.1", server.grpc_port)
    async with YandexSynthesizer.open(credentials, address=address) as voice:
        yield voice


async def test_a_voice_that_is_killed_is_replaced_and_taken_again_when_it_is_back(
    speechkit: SpeechKitServer, model_server: ModelServer
) -> None:
    await model_server.reset()
    await model_server.script_writing(Writing(text="beta gama delt epsi zeta etaa thet iota.|"))
    problems = Problems()
    async with (
        SpeechKitServer.started() as other,
        open_model(model_server) as model,
        voice_of(speechkit) as first,
        YandexHttpSynthesizer.open(KEY, url=other.url) as second,
    ):
        voice = FallbackSynthesizer(first, second, Breaker("first", failures=1, cool_down_s=0.1))
        with problems.logged("first"), trio.fail_after(60):
            async with conversation("Well?", model, voice, problems, thought=1.5) as call:
                await call.hears("beta")
                await speechkit.restart()
                await call.hears("iota")
                await speechkit.until(asked=1, within=20)
                await call.hears("iota", question=call.questions)
                came = call.came
        texts = await other.texts()
    assert texts[0].endswith("thet iota."), "the second voice says the rest"
    assert "beta gama" not in texts[0]
    assert came.heard[-1] == "beta gama delt epsi zeta etaa thet iota"
    assert came.silence_s < LONGEST_SILENCE_S
    assert "closed the connection" in came.problems[0]
    assert "circuit closed" in came.problems[-1]


async def test_a_voice_that_goes_away_politely_is_not_missed(
    speechkit: SpeechKitServer, model_server: ModelServer
) -> None:
    problems = Problems()
    async with open_model(model_server) as model, voice_of(speechkit) as voice:
        watched = problems.of_voice(voice)
        with trio.fail_after(60):
            async with conversation("Well?", model, watched, problems, thought=0.3) as call:
                await call.hears("beta gama")
                await speechkit.go_away()
                await call.hears(ANSWER, question=2)
                came = call.came
        asked = await speechkit.ended("UtteranceSynthesis")
    assert came.heard == (ANSWER, ANSWER)
    assert came.problems == ()
    assert [each.outcome for each in asked] == ["ok", "ok"]
    assert asked[0].peer != asked[1].peer


async def test_a_token_that_ends_during_a_call_is_replaced(
    speechkit: SpeechKitServer, model_server: ModelServer
) -> None:
    await speechkit.accept([])
    problems = Problems()
    source = tokens_of_machine(
        f"{speechkit.url}/computeMetadata/v1/instance/service-accounts/default/token"
    )
    async with (
        open_model(model_server) as model,
        IamTokens.open(source) as tokens,
        voice_of(speechkit, tokens) as voice,
    ):
        watched = problems.of_voice(voice)
        with trio.fail_after(60):
            async with conversation("Well?", model, watched, problems, thought=0.3) as call:
                await call.hears("beta gama")
                await speechkit.expire_tokens()
                await call.hears(ANSWER, question=2)
                came = call.came
        asked = await speechkit.ended("UtteranceSynthesis")
    assert came.heard == (ANSWER, ANSWER)
    assert came.problems == ()
    assert [each.outcome for each in asked] == ["ok", "UNAUTHENTICATED", "ok"]
    assert asked[0].key == asked[1].key != asked[2].key


async def test_a_hundred_answers_that_end_at_once_leave_nothing_open(
    speechkit: SpeechKitServer, model_server: ModelServer
) -> None:
    """Without their lines: the frames of a hundred calls keep a core busy."""
    await speechkit.reset()
    await speechkit.script_speaking(STEADILY)
    await model_server.reset()
    await model_server.script_writing(Writing(text="beta.| gama", then="hang", after=1))

    async with open_model(model_server, patience=BOUND) as model, voice_of(speechkit) as voice:

        async def write() -> None:
            await model.write([Said("caller", "Well?")], Toolbox(), Listener())

        async def speak() -> None:
            await voice.synthesize("beta " * 200, RATE_HZ, lambda sound: None)

        async with trio.open_nursery() as answers:
            for _ in range(100):
                answers.start_soon(write)
                answers.start_soon(speak)
            await speechkit.until(asked=100, within=BOUND)
            await model_server.until(asked=100, within=BOUND)
            answers.cancel_scope.cancel()
        await speechkit.until(open=0)
        await model_server.until(open=0)
        assert {each.outcome for each in await speechkit.ended()} == {"cancelled"}
        assert {each.outcome for each in await model_server.ended()} == {"cancelled"}
        assert len({each.peer for each in await speechkit.asked()}) == 2, "connections are shared"
