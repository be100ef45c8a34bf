"""The test server speaks SpeechKit's API to the official client, and follows its scripts."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
import trio
from yandex.cloud.ai.stt.v3 import stt_pb2, stt_service_pb2_grpc
from yandex.cloud.ai.tts.v3 import tts_pb2, tts_service_pb2_grpc

from tests.servers.certificates import Certificate
from tests.servers.exchanges import fingerprint
from tests.servers.scripts import Script
from tests.servers.speechkit.scripts import Hearing, Result, Speaking
from tests.servers.speechkit.server import SpeechKitServer
from tests.servers.tones import heard, speak

pytestmark = pytest.mark.real

RATE_HZ = 8000
KEY = (("authorization", "Api-Key secret"),)
TEXT = "Hello, what do you need?"


@pytest.fixture(scope="module")
def one() -> Iterator[SpeechKitServer]:
    with SpeechKitServer.running() as server:
        yield server


@pytest.fixture
def server(one: SpeechKitServer) -> SpeechKitServer:
    trio.run(one.reset)
    return one


@pytest.fixture
def channel(server: SpeechKitServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield channel


def raw_tts() -> tts_pb2.AudioFormatOptions:
    raw = tts_pb2.RawAudio(audio_encoding=tts_pb2.RawAudio.LINEAR16_PCM, sample_rate_hertz=RATE_HZ)
    return tts_pb2.AudioFormatOptions(raw_audio=raw)


def utterance(channel: grpc.Channel, text: str = TEXT, key: Any = KEY, model: str = "") -> Any:
    request = tts_pb2.UtteranceSynthesisRequest(text=text, model=model, output_audio_spec=raw_tts())
    stub = tts_service_pb2_grpc.SynthesizerStub(channel)
    return stub.UtteranceSynthesis(request, metadata=key, timeout=10)


def sound(responses: Iterable[Any]) -> bytes:
    return b"".join(response.audio_chunk.data for response in responses)


def status(responses: Iterable[Any]) -> str:
    with pytest.raises(grpc.RpcError) as error:
        list(responses)
    return str(error.value.code().name)


def options(**more: Any) -> stt_pb2.StreamingRequest:
    raw = stt_pb2.RawAudio(
        audio_encoding=stt_pb2.RawAudio.LINEAR16_PCM,
        sample_rate_hertz=RATE_HZ,
        audio_channel_count=1,
    )
    normalization = stt_pb2.TextNormalizationOptions(
        text_normalization=stt_pb2.TextNormalizationOptions.TEXT_NORMALIZATION_ENABLED
    )
    model = stt_pb2.RecognitionModelOptions(
        audio_format=stt_pb2.AudioFormatOptions(raw_audio=raw), text_normalization=normalization
    )
    session = stt_pb2.StreamingOptions(recognition_model=model, **more)
    return stt_pb2.StreamingRequest(session_options=session)


def audio(pcm: bytes, seconds: float = 0.2) -> Iterator[stt_pb2.StreamingRequest]:
    size = round(seconds * RATE_HZ) * 2
    for at in range(0, len(pcm), size):
        chunk = stt_pb2.AudioChunk(data=pcm[at : at + size])
        yield stt_pb2.StreamingRequest(chunk=chunk)


def recognize(channel: grpc.Channel, requests: Iterable[stt_pb2.StreamingRequest]) -> Any:
    stub = stt_service_pb2_grpc.RecognizerStub(channel)
    return stub.RecognizeStreaming(iter(requests), metadata=KEY, timeout=10)


def results_of(responses: Iterable[stt_pb2.StreamingResponse]) -> list[str]:
    """Return the results, each as "kind text"."""
    lines = []
    for response in responses:
        kind = response.WhichOneof("Event")
        match kind:
            case "partial" | "final":
                lines.append(f"{kind} {getattr(response, kind).alternatives[0].text}")
            case "final_refinement":
                text = response.final_refinement.normalized_text.alternatives[0].text
                lines.append(f"refinement {text}")
            case "status_code":
                lines.append(stt_pb2.CodeType.Name(response.status_code.code_type))
            case _:
                lines.append(str(kind))
    return lines


# --- speaking -----------------------------------------------------------------------------------


def test_an_utterance_is_spoken_word_for_word_with_its_timings(channel: grpc.Channel) -> None:
    responses = list(utterance(channel))
    assert heard(sound(responses), RATE_HZ) == "hello what do you need"
    timings = [timing for response in responses for timing in response.word_timings]
    assert [timing.word for timing in timings] == TEXT.split()
    lengths = [response.length_ms for response in responses]
    assert [response.start_ms for response in responses] == [
        sum(lengths[:number]) for number in range(len(lengths))
    ]


def test_the_live_model_sends_text_and_sound_separately(channel: grpc.Channel) -> None:
    responses = list(utterance(channel, model="livetts"))
    assert responses[0].text_chunk.text == TEXT
    assert not responses[0].audio_chunk.data
    assert not any(response.word_timings for response in responses)
    assert heard(sound(responses), RATE_HZ) == "hello what do you need"


def test_a_text_without_words_has_nothing_to_speak(channel: grpc.Channel) -> None:
    (response,) = utterance(channel, "...")
    assert response.chunk_type == response.NO_SPEAKABLE_TEXT


def test_without_a_format_the_sound_is_a_wav_file(channel: grpc.Channel) -> None:
    stub = tts_service_pb2_grpc.SynthesizerStub(channel)
    request = tts_pb2.UtteranceSynthesisRequest(text=TEXT)
    wav = sound(stub.UtteranceSynthesis(request, metadata=KEY))
    assert wav.startswith(b"RIFF")
    assert heard(wav[44:], 22050) == "hello what do you need"


def test_a_stream_of_text_is_spoken_by_sentences_and_flushes(channel: grpc.Channel) -> None:
    def requests() -> Iterator[tts_pb2.StreamSynthesisRequest]:
        begin = tts_pb2.SynthesisOptions(voice="alena", output_audio_spec=raw_tts())
        yield tts_pb2.StreamSynthesisRequest(options=begin)
        for text in ("It is", " here. And", " it is"):
            piece = tts_pb2.SynthesisInput(text=text)
            yield tts_pb2.StreamSynthesisRequest(synthesis_input=piece)
        yield tts_pb2.StreamSynthesisRequest(force_synthesis=tts_pb2.ForceSynthesisEvent())
        rest = tts_pb2.SynthesisInput(text="good")
        yield tts_pb2.StreamSynthesisRequest(synthesis_input=rest)

    stub = tts_service_pb2_grpc.SynthesizerStub(channel)
    responses = list(stub.StreamSynthesis(requests(), metadata=KEY))
    texts = [each.text_chunk.text for each in responses if each.text_chunk.text]
    assert texts == ["It is here. ", "And it is", "good"]
    assert heard(sound(responses), RATE_HZ) == "it is here and it is good"


def test_a_text_beyond_the_limit_is_refused(channel: grpc.Channel) -> None:
    assert status(utterance(channel, "a" * 251)) == "INVALID_ARGUMENT"


async def test_sound_is_sent_at_the_scripts_pace(server: SpeechKitServer) -> None:
    await server.script_speaking(Speaking(first=0.15, every=0.05, piece=0.2))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        list(utterance(channel))
    (asked,) = await server.ended()
    assert asked.first is not None
    assert asked.ended is not None
    assert asked.first - asked.at >= 0.15
    assert asked.ended - asked.at >= 0.15 + 5 * 0.05


@pytest.mark.parametrize("then", ["UNAUTHENTICATED", "RESOURCE_EXHAUSTED", "UNAVAILABLE"])
async def test_a_failure_comes_where_the_script_says(server: SpeechKitServer, then: str) -> None:
    await server.script_speaking(Speaking(then=then, retry_after=2.0), containing="Hello", times=1)
    await server.script_speaking(
        Speaking(then=then, after=2, piece=0.1), containing="need", times=1
    )
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        first, second = utterance(channel), utterance(channel, "I need it")
        assert status(first) == then
        trailers = dict(first.trailing_metadata())
        assert trailers["grpc-retry-pushback-ms"] == "2000"
        assert "grpc-status-details-bin" in trailers
        assert len(sound([next(second), next(second)])) == 2 * 1600
        assert status(second) == then
        assert len(list(utterance(channel))) > 2
    assert [asked.outcome for asked in await server.ended()] == [then, then, "ok"]


async def test_an_answer_can_be_empty_garbage_or_cut(server: SpeechKitServer) -> None:
    for then in ("end", "garbage", "cut"):
        await server.script_speaking(Speaking(then=then), times=1)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        assert list(utterance(channel)) == []
        garbage = sound(utterance(channel))
        assert len(garbage) % 2 == 1
        assert heard(garbage, RATE_HZ) == ""
        assert status(utterance(channel)) == "UNAVAILABLE"


async def test_a_hanging_request_is_open_until_it_is_cancelled(server: SpeechKitServer) -> None:
    await server.script_speaking(Speaking(then="hang"))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        calls = [utterance(channel) for _ in range(20)]
        await server.until(open=20)
        for call in calls:
            call.cancel()
        await server.until(open=0)
    assert {asked.outcome for asked in await server.ended()} == {"cancelled"}


# --- keys ---------------------------------------------------------------------------------------


async def test_unknown_keys_and_expired_tokens_are_refused(server: SpeechKitServer) -> None:
    await server.accept(["secret"])
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        given = (await client.post(f"{server.url}/iam/v1/tokens", json={"jwt": "x"})).json()
    token = (("authorization", f"Bearer {given['iamToken']}"),)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        assert list(utterance(channel))
        assert list(utterance(channel, key=token))
        for key in ((), (("authorization", "Api-Key wrong"),), (("authorization", "secret"),)):
            assert status(utterance(channel, key=key)) == "UNAUTHENTICATED"
        await server.expire_tokens()
        assert status(utterance(channel, key=token)) == "UNAUTHENTICATED"
    assert {asked.key for asked in await server.asked("UtteranceSynthesis")} == {
        fingerprint("secret"),
        fingerprint(given["iamToken"]),
        fingerprint("wrong"),
        "",
    }


async def test_the_metadata_endpoint_issues_tokens(server: SpeechKitServer) -> None:
    await server.set_token_lifetime(30.0)
    url = f"{server.url}/computeMetadata/v1/instance/service-accounts/default/token"
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        answer = await client.get(url, headers={"Metadata-Flavor": "Google"})
        assert answer.json()["expires_in"] == 30
        await server.script_tokens(Script(then="500"))
        answer = await client.get(url, headers={"Metadata-Flavor": "Google"})
        assert answer.status_code == 500


# --- speaking over HTTP -------------------------------------------------------------------------


async def test_http_speaks_the_same_and_fails_by_script(server: SpeechKitServer) -> None:
    await server.script_speaking(Speaking(then="429", retry_after=3), over="http", times=1)
    await server.script_speaking(Speaking(then="cut", after=1), over="http", times=1)
    url = f"{server.url}/speech/v1/tts:synthesize"
    form = {"text": TEXT, "format": "lpcm", "sampleRateHertz": str(RATE_HZ), "voice": "alena"}
    headers = dict(KEY)
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        refused = await client.post(url, data=form, headers=headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
        with pytest.raises(httpx2.TransportError):
            await client.post(url, data=form, headers=headers)
        spoken = await client.post(url, data=form, headers=headers)
        assert heard(spoken.content, RATE_HZ) == "hello what do you need"
        assert (await client.post(url, data=form)).status_code == 401
    outcomes = [asked.outcome for asked in await server.ended("tts:synthesize")]
    assert outcomes == ["429", "cut", "ok", "401"]


# --- hearing ------------------------------------------------------------------------------------


def test_recognition_sends_partials_a_final_and_a_refinement(
    channel: grpc.Channel,
) -> None:
    pcm = speak("hello there", RATE_HZ).pcm + bytes(RATE_HZ * 2) + speak("and", RATE_HZ).pcm
    responses = list(recognize(channel, [options(), *audio(pcm)]))
    assert results_of(responses) == [
        "partial hello",
        "partial hello there",
        "final hello there",
        "eou_update",
        "refinement Hello there.",
        "partial and",
        "final and",
        "eou_update",
        "refinement And.",
    ]
    last = responses[-1].audio_cursors
    assert (last.final_index, last.received_data_ms) == (1, len(pcm) * 1000 // 2 // RATE_HZ)
    assert last.final_time_ms == last.eou_time_ms
    word = responses[2].final.alternatives[0].words[1]
    assert (word.text, word.start_time_ms, word.end_time_ms) == ("there", 340, 640)


def test_an_external_classifier_ends_utterances(channel: grpc.Channel) -> None:
    external = stt_pb2.EouClassifierOptions(external_classifier=stt_pb2.ExternalEouClassifier())
    requests = [
        options(eou_classifier=external),
        *audio(speak("yes", RATE_HZ).pcm + bytes(4 * RATE_HZ)),
        stt_pb2.StreamingRequest(eou=stt_pb2.Eou()),
        *audio(speak("no", RATE_HZ).pcm),
    ]
    finals = [line for line in results_of(recognize(channel, requests)) if line.startswith("final")]
    assert finals == ["final yes", "final no"]


async def test_scripted_results_are_sent_at_their_seconds(server: SpeechKitServer) -> None:
    results = (
        Result(0.4, "partial", "tell me"),
        Result(0.8, "final", "tell me more"),
        Result(0.8, "eou"),
        Result(1.0, "refinement", "tell me more"),
        Result(1.2, "partial", "now"),
    )
    await server.script_hearing(Hearing(results=results))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        lines = results_of(recognize(channel, [options(), *audio(bytes(2 * RATE_HZ))]))
    assert lines == [
        "partial tell me", "final tell me more", "eou_update", "refinement Tell me more.",
        "partial now",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hearing", "last"),
    [
        (Hearing(longest=1.0), "CLOSED"),
        (Hearing(largest=16_000), "CLOSED"),
        (Hearing(then="closed", after=0.5), "CLOSED"),
        (Hearing(then="end", after=0.5), ""),
    ],
)
async def test_a_session_has_its_limits(
    server: SpeechKitServer, hearing: Hearing, last: str
) -> None:
    await server.script_hearing(hearing)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        lines = results_of(recognize(channel, [options(), *audio(bytes(4 * RATE_HZ))]))
    assert lines == ([last] if last else [])


async def test_a_session_without_messages_is_closed(server: SpeechKitServer) -> None:
    # A busy machine may skip some of the signs of life, but not all within a second.
    await server.script_hearing(Hearing(patience=1.0, working_every=0.05))
    closed = threading.Event()

    def falling_silent() -> Iterator[stt_pb2.StreamingRequest]:
        yield options()
        closed.wait(20)

    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        lines = await trio.to_thread.run_sync(
            lambda: results_of(recognize(channel, falling_silent()))
        )
        closed.set()
    assert set(lines[:-1]) == {"WORKING"}
    assert lines[-1] == "CLOSED"


async def test_audio_far_ahead_of_the_clock_gets_a_warning(server: SpeechKitServer) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        assert results_of(recognize(channel, [options(), *audio(bytes(6 * RATE_HZ))])) == [
            "WARNING"
        ]


async def test_a_session_fails_where_the_script_says(server: SpeechKitServer) -> None:
    await server.script_hearing(Hearing(then="UNAVAILABLE", after=0.5))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        requests = [options(), *audio(bytes(4 * RATE_HZ))]
        assert status(recognize(channel, requests)) == "UNAVAILABLE"


# --- its process --------------------------------------------------------------------------------


async def test_a_restarted_server_keeps_its_ports_and_certificate(tmp_path: Path) -> None:
    certificate = Certificate.make(tmp_path)
    async with SpeechKitServer.started(certificate=certificate) as server:
        credentials = grpc.ssl_channel_credentials(certificate.authority)
        address = f"127.0.0.1:{server.grpc_port}"
        with grpc.secure_channel(address, credentials) as channel:
            assert list(utterance(channel))
        await server.restart()
        with grpc.secure_channel(address, credentials) as channel:
            assert list(utterance(channel))
        assert len(await server.asked()) == 1


async def test_goaway_lets_requests_finish_and_accepts_new_connections(
    server: SpeechKitServer,
) -> None:
    await server.script_speaking(Speaking(every=0.1))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        first = utterance(channel)
        next(first)
        await server.go_away()
        assert list(first)
        assert list(utterance(channel))
    one, two = await server.ended()
    assert one.outcome == two.outcome == "ok"
    assert one.peer != two.peer
