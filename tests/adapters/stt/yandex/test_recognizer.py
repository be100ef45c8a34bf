"""SpeechKit's recognition over gRPC, with a server on the official stubs.

The server understands the tone code, so a test sees each lost, repeated or moved word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio

from callchart.adapters.backoff import Backoff
from callchart.adapters.stt.yandex import recognition
from callchart.adapters.stt.yandex.recognizer import Listening, YandexRecognizer
from callchart.adapters.stt.yandex.session import LIMITS, Limits
from callchart.adapters.yandex.credentials import ApiKey, Credentials
from callchart.adapters.yandex.iam import IamTokens
from callchart.adapters.yandex.token_sources import tokens_of_machine
from callchart.engine.ports import Heard, ProviderError, Recognition
from tests.adapters.tts.yandex.server import address, unused_address
from tests.contracts.recognizer import LIMIT_S, RecognizerContract, result, results
from tests.recordings import RATE_HZ, frames, silence
from tests.servers.exchanges import fingerprint
from tests.servers.speechkit.rest import METADATA
from tests.servers.speechkit.scripts import Hearing, Result
from tests.servers.speechkit.server import SpeechKitServer
from tests.servers.tones import speak

pytestmark = pytest.mark.real

KEY = ApiKey("secret")

#: A wait so long that the server always sends the final in time, even on a busy machine.
PATIENT = Listening(max_pause_s=0.3, final_wait_s=10.0)

#: Real seconds for a second of the line: a server in Python can follow this pace.
PACE = 0.05

#: Sixteen words. The pauses between them are too short to end an utterance.
WORDS = "one two three four five six seven eight nine ten a man can see an oak"


@pytest.fixture(scope="module")
def one() -> Iterator[SpeechKitServer]:
    with SpeechKitServer.running() as server:
        yield server


@pytest.fixture
async def server(one: SpeechKitServer) -> SpeechKitServer:
    await one.reset()
    return one


@asynccontextmanager
async def calling(
    server: SpeechKitServer,
    listening: Listening = PATIENT,
    *,
    credentials: Credentials = KEY,
    rate_hz: int = RATE_HZ,
    limits: Limits = LIMITS,
) -> AsyncIterator[Recognition]:
    """Open a call's recogniser; after the block, check that no stream is open."""
    with trio.fail_after(LIMIT_S):
        async with (
            YandexRecognizer.open(
                credentials, listening, address=address(server), limits=limits
            ) as recognizer,
            recognizer.recognition(rate_hz) as call,
        ):
            yield call
        await server.until(open=0)


async def feed_at_pace(call: Recognition, pcm: bytes, rate_hz: int = RATE_HZ) -> None:
    """Feed the sound frame by frame, faster than in real time by `PACE`."""
    for frame in frames(pcm, rate_hz):
        call.feed_frames(frame)
        await trio.sleep(0.02 * PACE)


async def say(call: Recognition, utterance: int, text: str, rate_hz: int = RATE_HZ) -> None:
    """Feed an utterance as in a call: with silence around it, and with late edges."""
    late = len(silence(0.1, rate_hz))
    pcm = speak(text, rate_hz).pcm
    await feed_at_pace(call, silence(0.4, rate_hz) + pcm[:late], rate_hz)
    call.utterance_started(utterance)
    await feed_at_pace(call, pcm[late:] + silence(0.06, rate_hz), rate_hz)
    call.utterance_ended(utterance)
    await feed_at_pace(call, silence(0.4, rate_hz), rate_hz)


async def final(call: Recognition) -> Heard:
    return (await results(call))[-1]


class TestContract(RecognizerContract):
    @pytest.fixture
    async def recognizer(self, server: SpeechKitServer) -> AsyncIterator[YandexRecognizer]:
        heard = tuple(
            result
            for second in range(1, 20)
            for result in (
                Result(second + 0.3, "partial", "call"),
                Result(second + 0.5, "partial", "call the operator"),
                Result(second + 0.9, "final", "call the operator"),
            )
        )
        await server.script_hearing(Hearing(results=heard))
        listening = Listening("en-US", final_wait_s=0.2)
        async with YandexRecognizer.open(KEY, listening, address=address(server)) as recognizer:
            yield recognizer


@pytest.mark.parametrize("rate_hz", [8000, 16000])
async def test_partials_grow_word_by_word_and_end_with_a_final(
    server: SpeechKitServer, rate_hz: int
) -> None:
    async with calling(server, rate_hz=rate_hz) as call:
        await say(call, 1, "hello there", rate_hz)
        await say(call, 2, "good bye", rate_hz)
        assert await results(call) == [
            Heard(1, "hello", final=False),
            Heard(1, "hello there", final=False),
            Heard(1, "hello there", final=True),
        ]
        assert await final(call) == Heard(2, "good bye", final=True)


async def test_the_first_message_has_the_session_options(
    server: SpeechKitServer,
) -> None:
    listening = Listening("en-US", "general:rc", True, "high", 0.8)
    async with calling(server, listening, rate_hz=8000):
        await server.until(asked=1)
        (asked,) = await server.asked()
        assert asked.request["session_options"] == {
            "recognition_model": {
                "model": "general:rc",
                "audio_format": {
                    "raw_audio": {
                        "audio_encoding": "LINEAR16_PCM",
                        "sample_rate_hertz": "8000",
                        "audio_channel_count": "1",
                    }
                },
                "text_normalization": {"text_normalization": "TEXT_NORMALIZATION_ENABLED"},
                "language_restriction": {
                    "restriction_type": "WHITELIST",
                    "language_code": ["en-US"],
                },
                "audio_processing_type": "REAL_TIME",
            },
            "eou_classifier": {
                "default_classifier": {"type": "HIGH", "max_pause_between_words_hint_ms": "800"}
            },
        }
        assert asked.key == fingerprint("secret")


async def test_a_final_has_the_normalised_text(server: SpeechKitServer) -> None:
    await server.script_hearing(Hearing(refinement_lag=0.05))
    async with calling(server, replace(PATIENT, normalized=True)) as call:
        await say(call, 1, "hello there")
        assert await final(call) == Heard(1, "Hello there.", final=True)


async def test_short_sessions_neither_lose_nor_repeat_words(
    server: SpeechKitServer,
) -> None:
    # An utterance of 5 s, and sessions of 4.
    async with calling(server, limits=Limits(duration_s=4.0)) as call:
        for utterance in (1, 2):
            await say(call, utterance, WORDS)
            assert await final(call) == Heard(utterance, WORDS, final=True)
        assert len(await server.asked()) > 2


@pytest.mark.parametrize("then", ["UNAVAILABLE", "end", "cut", "closed"])
async def test_a_broken_session_neither_loses_nor_repeats_words(
    server: SpeechKitServer, then: str
) -> None:
    await server.script_hearing(Hearing(then=then, after=2.5), times=1)
    async with calling(server) as call:
        await say(call, 1, WORDS)
        assert await final(call) == Heard(1, WORDS, final=True)
    assert len(await server.asked()) == 2


async def test_a_goaway_neither_loses_nor_repeats_words(
    server: SpeechKitServer,
) -> None:
    async with calling(server) as call, trio.open_nursery() as nursery:
        nursery.start_soon(say, call, 1, WORDS)
        assert (await result(call)).text == "one"
        await server.go_away(grace=0.1)
        assert await final(call) == Heard(1, WORDS, final=True)
        await say(call, 2, "hello")
        assert await final(call) == Heard(2, "hello", final=True)


async def test_a_restarted_server_gets_the_whole_utterance_again(server: SpeechKitServer) -> None:
    async with calling(server) as call, trio.open_nursery() as nursery:
        nursery.start_soon(say, call, 1, WORDS)
        assert (await result(call)).text == "one"
        await server.restart()
        assert await final(call) == Heard(1, WORDS, final=True)


async def test_an_expired_token_does_not_end_the_session(
    server: SpeechKitServer,
) -> None:
    await server.accept([])
    source = tokens_of_machine(f"{server.url}{METADATA}")
    async with (
        IamTokens.open(source) as tokens,
        calling(server, credentials=tokens, limits=Limits(duration_s=3.0)) as call,
    ):
        await say(call, 1, "hello")
        await server.expire_tokens()
        await say(call, 2, "there")
        await say(call, 3, "good bye")
        assert [(await final(call)).text for _ in range(3)] == ["hello", "there", "good bye"]
        keys = [asked.key for asked in await server.asked("RecognizeStreaming")]
        assert len(set(keys)) == 2


async def test_a_refused_key_raises_the_cure(server: SpeechKitServer) -> None:
    await server.accept(["another"])
    async with calling(server) as call:
        with pytest.raises(
            ProviderError, match=r"UNAUTHENTICATED.*check the key, .* role ai\.speechkit-stt\.user"
        ) as raised:
            await call.result()
        assert "secret" not in str(raised.value)


async def test_a_refused_connection_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "RECONNECT", Backoff(0.01, 0.16))
    with trio.fail_after(LIMIT_S), unused_address() as nowhere:
        async with (
            YandexRecognizer.open(KEY, address=nowhere) as recognizer,
            recognizer.recognition(RATE_HZ) as call,
        ):
            with pytest.raises(ProviderError, match=rf"^yandex: .*127\.0\.0\.1:{nowhere.port}"):
                await call.result()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"language": "ru"},
            r"must be a code with a country, got 'ru' \(for example ru-RU",
        ),
        ({"max_pause_s": 6.0}, r"max_pause_s must be 0 to 5 s, got 6"),
        ({"final_wait_s": 0.0}, r"final_wait_s must be above 0 and at most 10 s, got 0"),
    ],
)
def test_invalid_settings_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        Listening(**wrong)  # type: ignore[arg-type]
