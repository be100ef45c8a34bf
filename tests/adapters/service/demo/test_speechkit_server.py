"""The demo's SpeechKit speaks and recognises for the official client."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio
from yandex.cloud.ai.stt.v3 import stt_pb2, stt_service_pb2_grpc
from yandex.cloud.ai.tts.v3 import tts_pb2, tts_service_pb2_grpc

from callchart.adapters.service.demo.server_process import ServerProcess
from callchart.engine.ports import ProviderError

pytestmark = pytest.mark.real

MODULE = "callchart.adapters.service.demo.speechkit_server"
SAMPLES = Path(__file__).parents[4] / "adapters" / "service" / "demo" / "samples"
RATE_HZ = 16000
KEY = (("authorization", "Api-Key any"),)


def spoken(channel: grpc.Channel, text: str, key: Any = KEY) -> list[Any]:
    raw = tts_pb2.RawAudio(audio_encoding=tts_pb2.RawAudio.LINEAR16_PCM, sample_rate_hertz=RATE_HZ)
    request = tts_pb2.UtteranceSynthesisRequest(
        text=text, output_audio_spec=tts_pb2.AudioFormatOptions(raw_audio=raw)
    )
    stub = tts_service_pb2_grpc.SynthesizerStub(channel)
    return list(stub.UtteranceSynthesis(request, metadata=key, timeout=20))


def session(name: str, silence: int) -> Iterator[stt_pb2.StreamingRequest]:
    """Yield the requests of a recording and `silence` milliseconds of silence."""
    raw = stt_pb2.RawAudio(
        audio_encoding=stt_pb2.RawAudio.LINEAR16_PCM,
        sample_rate_hertz=RATE_HZ,
        audio_channel_count=1,
    )
    enabled = stt_pb2.TextNormalizationOptions.TEXT_NORMALIZATION_ENABLED
    model = stt_pb2.RecognitionModelOptions(
        audio_format=stt_pb2.AudioFormatOptions(raw_audio=raw),
        text_normalization=stt_pb2.TextNormalizationOptions(text_normalization=enabled),
    )
    yield stt_pb2.StreamingRequest(
        session_options=stt_pb2.StreamingOptions(recognition_model=model)
    )
    with wave.open(str(SAMPLES / name)) as file:
        assert file.getframerate() == RATE_HZ
        pcm = file.readframes(file.getnframes())
    for at in range(0, len(pcm), 6401):
        yield stt_pb2.StreamingRequest(chunk=stt_pb2.AudioChunk(data=pcm[at : at + 6401]))
    yield stt_pb2.StreamingRequest(silence_chunk=stt_pb2.SilenceChunk(duration_ms=silence))


def recognized(channel: grpc.Channel, requests: Iterator[Any]) -> list[Any]:
    stub = stt_service_pb2_grpc.RecognizerStub(channel)
    return list(stub.RecognizeStreaming(requests, metadata=KEY, timeout=20))


def check_synthesis(channel: grpc.Channel) -> None:
    pieces = spoken(channel, "Of course, 25 of them.")
    pcm = b"".join(piece.audio_chunk.data for piece in pieces)
    assert 1.0 < len(pcm) / 2 / RATE_HZ < 3.0
    assert pieces[0].text_chunk.text == "Of course, 25 of them."
    timings = [timing for piece in pieces for timing in piece.word_timings]
    assert [timing.word for timing in timings] == ["Of", "course,", "25", "of", "them."]
    assert all(timing.length_ms > 0 for timing in timings)
    (nothing,) = spoken(channel, "...")
    assert nothing.chunk_type == tts_pb2.UtteranceSynthesisResponse.NO_SPEAKABLE_TEXT
    for text, key, status in [
        ("a" * 251, KEY, grpc.StatusCode.INVALID_ARGUMENT),
        ("Yes.", (), grpc.StatusCode.UNAUTHENTICATED),
    ]:
        with pytest.raises(grpc.RpcError) as refused:
            spoken(channel, text, key)
        assert refused.value.code() is status


def check_recognition(channel: grpc.Channel) -> None:
    # An utterance ends after a pause, or with the stream.
    for silence in (600, 20):
        responses = recognized(channel, session("en_goodbye.wav", silence))
        kinds = [response.WhichOneof("Event") for response in responses]
        partials = kinds.count("partial")
        assert partials > 1
        assert kinds == ["partial"] * partials + ["final", "eou_update", "final_refinement"]
        final = responses[partials].final.alternatives[0]
        assert "thank" in final.text
        assert [word.text for word in final.words] == final.text.split()
        assert 0 < final.words[0].start_time_ms < final.words[-1].end_time_ms
        cursors = responses[-1].audio_cursors
        assert final.words[-1].end_time_ms <= cursors.final_time_ms == cursors.eou_time_ms
        assert cursors.final_time_ms <= cursors.received_data_ms
        written = responses[-1].final_refinement.normalized_text.alternatives[0].text
        assert written == f"{final.text.capitalize()}."
    with pytest.raises(grpc.RpcError) as refused:
        recognized(channel, iter([stt_pb2.StreamingRequest(eou=stt_pb2.Eou())]))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_official_client_synthesises_and_recognises() -> None:
    with trio.fail_after(60):
        async with ServerProcess.started("speechkit", MODULE, "en", "") as server:

            def check() -> None:
                with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                    check_synthesis(channel)
                    check_recognition(channel)

            await trio.to_thread.run_sync(check)
            assert server.asked == {"UtteranceSynthesis": 4, "RecognizeStreaming": 3}


async def test_a_server_that_cannot_start_gives_the_cause() -> None:
    with trio.fail_after(60), pytest.raises(ProviderError, match="there is no model"):
        async with ServerProcess.started("speechkit", MODULE, "ru", "nowhere"):
            pass


async def test_a_server_that_dies_ends_the_block_that_uses_it(
    processes: list[trio.Process],
) -> None:
    with trio.fail_after(60), pytest.RaisesGroup(ProviderError):
        async with ServerProcess.started("speechkit", MODULE, "en", ""):
            processes[0].kill()
            await trio.sleep_forever()
