"""SpeechKit's voices over gRPC, with a server on the official stubs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any

import pytest
import trio

from callchart.adapters.tts.yandex.grpc import Voice, YandexSynthesizer
from callchart.adapters.yandex.credentials import ApiKey
from callchart.adapters.yandex.iam import IamTokens
from callchart.adapters.yandex.token_sources import tokens_for_oauth, tokens_of_machine
from callchart.engine.ports import ProviderError, Speech, Synthesizer
from tests.adapters.tts.yandex.server import address, unused_address, words
from tests.contracts.synthesizer import LIMIT_S, TEXT, SynthesizerContract, seconds, sound
from tests.servers.exchanges import fingerprint
from tests.servers.scripts import Script
from tests.servers.speechkit.rest import METADATA, TOKENS
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
async def synthesizer(server: SpeechKitServer) -> AsyncIterator[YandexSynthesizer]:
    async with YandexSynthesizer.open(KEY, address=address(server)) as synthesizer:
        yield synthesizer


@pytest.fixture
async def streaming(server: SpeechKitServer) -> AsyncIterator[YandexSynthesizer]:
    async with YandexSynthesizer.open(KEY, method="stream", address=address(server)) as synthesizer:
        yield synthesizer


class TestContract(SynthesizerContract):
    pass


class TestContractOfStreams(SynthesizerContract):
    @pytest.fixture
    def synthesizer(self, streaming: YandexSynthesizer) -> YandexSynthesizer:
        return streaming


async def test_every_word_is_spoken_at_either_rate(synthesizer: Synthesizer) -> None:
    assert words(await sound(synthesizer, TEXT)) == spoken(TEXT)
    assert words(await sound(synthesizer, TEXT, 8000), 8000) == spoken(TEXT)


async def test_sound_is_streamed_and_cancelled(
    synthesizer: Synthesizer, server: SpeechKitServer
) -> None:
    await server.script_speaking(Speaking(then="hang", after=2))
    pieces: list[Speech] = []
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:

            def cancel_after_two(piece: Speech) -> None:
                pieces.append(piece)
                if len(pieces) == 2:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(synthesizer.synthesize, TEXT, 16000, cancel_after_two)
        await server.until(open=0)
    assert [asked.outcome for asked in await server.ended()] == ["cancelled"]


@pytest.mark.parametrize("method", ["utterance", "stream"])
async def test_the_request_has_voice_role_speed_and_rate(
    server: SpeechKitServer, method: Any
) -> None:
    voice = Voice("marina", "friendly", 1.2)
    async with YandexSynthesizer.open(
        KEY, voice, method=method, address=address(server)
    ) as synthesizer:
        await sound(synthesizer, "Hello.", 8000)
    (asked,) = await server.asked()
    request = asked.request.get("options", asked.request)
    hints = request.get("hints", [{name: request.get(name) for name in ("voice", "role", "speed")}])
    assert {name: value for hint in hints for name, value in hint.items()} == {
        "voice": "marina",
        "role": "friendly",
        "speed": 1.2,
    }
    assert request["output_audio_spec"] == {
        "raw_audio": {"audio_encoding": "LINEAR16_PCM", "sample_rate_hertz": "8000"}
    }
    assert asked.key == fingerprint("secret")


async def test_default_settings_are_left_out_of_the_request(
    synthesizer: Synthesizer, server: SpeechKitServer
) -> None:
    await sound(synthesizer, "Hello.")
    (asked,) = await server.asked()
    assert asked.request.keys() == {"text", "hints", "output_audio_spec"}
    assert asked.request["hints"] == [{"voice": "alena"}]


async def test_every_word_of_the_text_has_a_timing(synthesizer: Synthesizer) -> None:
    text = "Да — 25 **кг**, 👍 в среду."
    pieces = await sound(synthesizer, text)
    known = pieces[-1].words
    assert [word.word for word in known] == text.split()
    assert all(before.end_s <= after.start_s for before, after in pairwise(known))
    assert known[0].start_s == 0
    assert known[-1].end_s == pytest.approx(seconds(pieces) - 0.04)  # a silence of the tone code


@pytest.mark.parametrize(("method", "requests"), [("utterance", 3), ("stream", 1)])
async def test_a_long_text_is_split_into_requests(
    server: SpeechKitServer, method: Any, requests: int
) -> None:
    text = "One two three. " * 40
    async with YandexSynthesizer.open(KEY, method=method, address=address(server)) as synthesizer:
        pieces = await sound(synthesizer, text)
    assert words(pieces) == spoken(text)
    known = pieces[-1].words
    assert [word.word for word in known] == text.split()
    asked = [each.text for each in await server.asked()]
    assert len(asked) == requests
    assert all(part.endswith("three.") for part in asked)


@pytest.mark.parametrize("method", ["utterance", "stream"])
async def test_word_timings_continue_across_requests_and_sentences(
    server: SpeechKitServer, method: Any
) -> None:
    async with YandexSynthesizer.open(KEY, method=method, address=address(server)) as synthesizer:
        pieces = await sound(synthesizer, "One two three. " * 40)
    length_s = 0.06 * len("onetwothree") + 3 * 0.04  # as in the tone code
    starts = [word.start_s for word in pieces[-1].words if word.word == "One"]
    assert starts == pytest.approx([length_s * number for number in range(40)], abs=0.01)


@pytest.mark.parametrize("text", ["", "👍🏽", "— … !?", "**", "<[small]>"])
async def test_a_text_without_words_sends_no_request(
    synthesizer: Synthesizer, server: SpeechKitServer, text: str
) -> None:
    assert await sound(synthesizer, text) == []
    assert await server.asked() == []


async def test_a_text_that_the_voice_cannot_speak_gives_no_sound(synthesizer: Synthesizer) -> None:
    assert await sound(synthesizer, "東京") == []


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("UNAUTHENTICATED", "check the key, and that its account has the role ai.speechkit-tts"),
        ("PERMISSION_DENIED", "the role ai.speechkit-tts.user in the folder that pays"),
        ("RESOURCE_EXHAUSTED", "ask for a higher one in the console"),
        ("INVALID_ARGUMENT", "check the voice 'alena' and the speed 1"),
        ("UNAVAILABLE", "status page"),
    ],
)
async def test_a_refusal_names_the_cure_and_the_request_id(
    synthesizer: Synthesizer, server: SpeechKitServer, status: str, cure: str
) -> None:
    await server.script_speaking(Speaking(then=status))
    with pytest.raises(ProviderError, match=f"yandex: .* answered {status} .request ") as error:
        await sound(synthesizer, TEXT)
    assert cure in error.value.cure
    assert len(await server.asked()) == 1


@pytest.mark.parametrize("method", ["utterance", "stream"])
async def test_an_answer_without_sound_is_an_error(server: SpeechKitServer, method: Any) -> None:
    await server.script_speaking(Speaking(then="end"))
    async with YandexSynthesizer.open(KEY, method=method, address=address(server)) as synthesizer:
        with pytest.raises(ProviderError, match="the answer has no sound"):
            await sound(synthesizer, TEXT)


async def test_only_whole_samples_are_passed_on(
    synthesizer: Synthesizer, server: SpeechKitServer
) -> None:
    await server.script_speaking(Speaking(then="garbage"))
    pieces = await sound(synthesizer, TEXT)
    assert pieces
    assert all(len(piece.pcm) % 2 == 0 for piece in pieces)


async def test_a_request_that_breaks_in_mid_sound_is_not_retried(
    synthesizer: Synthesizer, server: SpeechKitServer
) -> None:
    await server.script_speaking(Speaking(then="cut", after=1))
    with pytest.raises(ProviderError, match="yandex"):
        await sound(synthesizer, TEXT)
    assert len(await server.asked()) == 1


async def test_a_refused_connection_raises_an_error() -> None:
    with unused_address() as down:
        async with YandexSynthesizer.open(KEY, address=down) as synthesizer:
            with pytest.raises(ProviderError, match=r"refused the connection \(start that server"):
                await sound(synthesizer, TEXT)


@pytest.mark.parametrize("speed", [0.0, 3.5])
def test_a_speed_outside_the_limits_is_refused(speed: float) -> None:
    with pytest.raises(ProviderError, match=r"speed_factor must be 0.1 to 3.0, got"):
        Voice(speed_factor=speed)


# --- tokens -------------------------------------------------------------------------------------


@pytest.fixture
async def tokens(server: SpeechKitServer) -> AsyncIterator[IamTokens]:
    source = tokens_of_machine(
        f"{server.url}/computeMetadata/v1/instance/service-accounts/default/token"
    )
    async with IamTokens.open(source) as tokens:
        yield tokens


async def test_a_token_is_fetched_once_and_used_with_the_folder(server: SpeechKitServer) -> None:
    source = tokens_for_oauth("y0_oauth", server.url + TOKENS)
    await server.accept([])
    async with (
        IamTokens.open(source) as tokens,
        YandexSynthesizer.open(tokens, folder="b1g", address=address(server)) as synthesizer,
    ):
        assert words(await sound(synthesizer, TEXT)) == spoken(TEXT)
        assert words(await sound(synthesizer, TEXT)) == spoken(TEXT)
    assert len(await server.asked("tokens")) == 1


async def test_a_refused_token_is_renewed_once_for_concurrent_requests(
    server: SpeechKitServer, tokens: IamTokens
) -> None:
    async with YandexSynthesizer.open(tokens, address=address(server)) as synthesizer:
        await sound(synthesizer, "One.")
        await server.expire_tokens()
        pieces: list[list[Speech]] = [[], [], []]
        with trio.fail_after(LIMIT_S):
            async with trio.open_nursery() as nursery:
                for each in pieces:
                    nursery.start_soon(synthesizer.synthesize, "Two.", 16000, each.append)
    assert [words(each) for each in pieces] == ["two"] * 3
    assert len(await server.asked("metadata")) == 2


async def test_a_refused_key_is_not_retried(
    synthesizer: Synthesizer, server: SpeechKitServer
) -> None:
    await server.accept(["another"])
    with pytest.raises(ProviderError, match="UNAUTHENTICATED"):
        await sound(synthesizer, TEXT)
    assert len(await server.asked()) == 1


async def test_a_token_that_expires_in_mid_request_does_not_stop_it(
    server: SpeechKitServer, tokens: IamTokens
) -> None:
    await server.script_speaking(Speaking(every=0.02))
    async with YandexSynthesizer.open(tokens, address=address(server)) as synthesizer:
        pieces: list[Speech] = []
        with trio.fail_after(LIMIT_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(synthesizer.synthesize, TEXT, 16000, pieces.append)
                await server.until(asked=2)
                await server.expire_tokens()
    assert words(pieces) == spoken(TEXT)
    assert len(await server.asked("metadata")) == 1


async def test_without_a_token_no_synthesis_is_requested(server: SpeechKitServer) -> None:
    await server.script_tokens(Script(then="500"))
    async with (
        IamTokens.open(tokens_of_machine(server.url + METADATA)) as tokens,
        YandexSynthesizer.open(tokens, address=address(server)) as synthesizer,
    ):
        with pytest.raises(ProviderError, match="answered 500 instead of an IAM token"):
            await sound(synthesizer, TEXT)
    assert await server.asked("UtteranceSynthesis") == []
