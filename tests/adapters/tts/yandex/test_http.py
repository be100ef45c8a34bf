"""SpeechKit's voices over HTTP, with a real server."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx  # noqa: ASYNC127 - the adapter uses it
import pytest
import trio

from callchart.adapters.tts.yandex.grpc import Voice
from callchart.adapters.tts.yandex.http import YandexHttpSynthesizer
from callchart.adapters.yandex.credentials import ApiKey
from callchart.adapters.yandex.iam import IamTokens
from callchart.adapters.yandex.token_sources import tokens_of_machine
from callchart.engine.ports import ProviderError, Speech, Synthesizer
from tests.adapters.tts.yandex.server import unused_address, words
from tests.contracts.synthesizer import LIMIT_S, TEXT, SynthesizerContract, sound
from tests.servers.exchanges import fingerprint
from tests.servers.speechkit.rest import METADATA
from tests.servers.speechkit.scripts import Speaking
from tests.servers.speechkit.server import SpeechKitServer
from tests.servers.tones import spoken

pytestmark = pytest.mark.real

KEY = ApiKey("secret")


@pytest.fixture(scope="module")
def one() -> Iterator[SpeechKitServer]:
    with SpeechKitServer.running() as server:
        yield server


@pytest.fixture
async def server(one: SpeechKitServer) -> SpeechKitServer:
    await one.reset()
    return one


@pytest.fixture
async def synthesizer(server: SpeechKitServer) -> AsyncIterator[YandexHttpSynthesizer]:
    async with YandexHttpSynthesizer.open(KEY, url=server.url) as synthesizer:
        yield synthesizer


class TestContract(SynthesizerContract):
    pass


async def test_every_word_is_spoken_at_either_rate(synthesizer: Synthesizer) -> None:
    assert words(await sound(synthesizer, TEXT)) == spoken(TEXT)
    assert words(await sound(synthesizer, TEXT, 8000), 8000) == spoken(TEXT)


async def test_sound_is_streamed_and_cancelled(
    synthesizer: Synthesizer, server: SpeechKitServer
) -> None:
    await server.script_speaking(Speaking(then="hang", after=2), over="http")
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:

            def cancel(piece: Speech) -> None:
                nursery.cancel_scope.cancel()

            nursery.start_soon(synthesizer.synthesize, TEXT, 16000, cancel)
        await server.until(open=0)
    assert [asked.outcome for asked in await server.ended()] == ["cancelled"]


async def test_the_request_has_voice_role_speed_and_rate(server: SpeechKitServer) -> None:
    async with YandexHttpSynthesizer.open(
        KEY, Voice("jane", "good", 1.2), language="ru-RU", folder="b1g", url=server.url
    ) as synthesizer:
        await sound(synthesizer, "**Hello** 👍.", 8000)
    (asked,) = await server.asked()
    assert asked.request == {
        "text": "Hello .",
        "lang": "ru-RU",
        "voice": "jane",
        "emotion": "good",
        "speed": "1.2",
        "format": "lpcm",
        "sampleRateHertz": "8000",
        "folderId": "b1g",
    }
    assert asked.key == fingerprint("secret")


@pytest.mark.parametrize(
    ("then", "reason", "cure"),
    [
        ("400", "answered 400", "the voice 'alena' and the speed 1, and the language 'ru-RU'"),
        ("401", "answered 401", "check the key, and that its account has the role"),
        ("403", "answered 403", "give the account the role ai.speechkit-tts.user"),
        ("429", "answered 429, to try again in 3 s", "ask for a higher one"),
        ("503", "answered 503", "status page"),
    ],
)
async def test_a_refusal_names_the_cure_and_the_request_id(
    synthesizer: Synthesizer, server: SpeechKitServer, then: str, reason: str, cure: str
) -> None:
    await server.script_speaking(
        Speaking(then=then, retry_after=3 if then == "429" else None), over="http"
    )
    with pytest.raises(ProviderError, match=f"{reason} .request ") as error:
        await sound(synthesizer, TEXT)
    assert cure in error.value.cure
    assert len(await server.asked()) == 1


async def test_an_answer_without_sound_is_an_error(
    synthesizer: Synthesizer, server: SpeechKitServer
) -> None:
    await server.script_speaking(Speaking(then="end"), over="http")
    with pytest.raises(ProviderError, match="the answer has no sound"):
        await sound(synthesizer, TEXT)


async def test_only_whole_samples_are_passed_on(
    synthesizer: Synthesizer, server: SpeechKitServer
) -> None:
    await server.script_speaking(Speaking(then="garbage"), over="http")
    assert all(len(piece.pcm) % 2 == 0 for piece in await sound(synthesizer, TEXT))


async def test_a_connection_lost_in_mid_sound_raises_an_error(
    synthesizer: Synthesizer, server: SpeechKitServer
) -> None:
    await server.script_speaking(Speaking(then="cut", after=1), over="http")
    with pytest.raises(ProviderError, match=r"broke off the connection \(if it goes on, "):
        await sound(synthesizer, TEXT)
    assert len(await server.asked()) == 1


async def test_a_refused_connection_raises_an_error() -> None:
    with unused_address() as down:
        async with YandexHttpSynthesizer.open(KEY, url=f"http://{down}") as synthesizer:
            with pytest.raises(ProviderError, match=r"refused the connection \(start that server"):
                await sound(synthesizer, TEXT)


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (httpx.ConnectError, socket.gaierror(), "tts.api.cloud.yandex.net was not found"),
        (httpx.ConnectTimeout, None, "did not answer within 3 s"),
        (httpx.ReadTimeout, None, "was silent for 10 s"),
    ],
)
async def test_an_unreachable_service_raises_cause_and_cure(
    error: type[httpx.RequestError], cause: Exception | None, reason: str
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("quotes the request") from cause

    transport = httpx.MockTransport(fail)
    async with YandexHttpSynthesizer.open(KEY, transport=transport) as synthesizer:
        with pytest.raises(ProviderError, match=reason) as raised:
            await sound(synthesizer, TEXT)
    assert raised.value.cure
    assert raised.value.__context__ is None


async def test_https_to_a_plain_http_server_raises_an_error(server: SpeechKitServer) -> None:
    url = urlsplit(server.url)._replace(scheme="https").geturl()
    async with YandexHttpSynthesizer.open(KEY, url=url) as synthesizer:
        with pytest.raises(ProviderError, match="failed the TLS handshake"):
            await sound(synthesizer, TEXT)


async def test_a_refused_token_is_renewed(server: SpeechKitServer) -> None:
    async with (
        IamTokens.open(tokens_of_machine(server.url + METADATA)) as tokens,
        YandexHttpSynthesizer.open(tokens, url=server.url) as synthesizer,
    ):
        await sound(synthesizer, "One.")
        await server.expire_tokens()
        assert words(await sound(synthesizer, TEXT)) == spoken(TEXT)
