"""Synthesis of the demo's SpeechKit: a text in espeak-ng's voice, with word timings."""

from __future__ import annotations

import math

import trio
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.service.demo.grpc_server import Call
from callchart.adapters.tts.yandex.grpc import LONGEST_CHARACTERS
from callchart.engine.ports import ProviderError, Speech, Synthesizer
from callchart.proto.messages.speechkit.tts.v3 import (
    AudioChunk,
    RawAudioAudioEncoding,
    TextChunk,
    UtteranceSynthesisRequest,
    UtteranceSynthesisResponse,
    UtteranceSynthesisResponseChunkType,
    WordTiming,
)

RATES_HZ = range(8000, 48001)


async def speak(
    synthesizer: Synthesizer, call: Call[UtteranceSynthesisRequest, UtteranceSynthesisResponse]
) -> None:
    """Answer `UtteranceSynthesis`. Raises `RpcError`."""
    request = await call.receive() or UtteranceSynthesisRequest()
    text, rate_hz = _text(request), _rate(request)
    send, pieces = trio.open_memory_channel[Speech](math.inf)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_synthesize, synthesizer, text, rate_hz, send)
        answer = _Answer(text, rate_hz)
        async for piece in pieces:
            await call.send(answer.piece(piece))
    if not answer.samples:
        nothing = UtteranceSynthesisResponseChunkType.NO_SPEAKABLE_TEXT
        await call.send(
            UtteranceSynthesisResponse(text_chunk=TextChunk(text=text), chunk_type=nothing)
        )


async def _synthesize(
    synthesizer: Synthesizer, text: str, rate_hz: int, pieces: trio.MemorySendChannel[Speech]
) -> None:
    with pieces:
        try:
            await synthesizer.synthesize(text, rate_hz, pieces.send_nowait)
        except ProviderError as error:
            raise RpcError(Status.INTERNAL, str(error)) from None


class _Answer:
    """The sound of one text as messages. The first one carries the whole text, each one the word
    timings that are new."""

    def __init__(self, text: str, rate_hz: int) -> None:
        self.samples = 0
        self._text, self._rate_hz = text, rate_hz
        self._words_sent = 0

    def piece(self, speech: Speech) -> UtteranceSynthesisResponse:
        begins, samples = self.samples, len(speech.pcm) // 2
        words = speech.words[self._words_sent :]
        self.samples += samples
        self._words_sent = len(speech.words)
        return UtteranceSynthesisResponse(
            audio_chunk=AudioChunk(data=speech.pcm),
            text_chunk=None if begins else TextChunk(text=self._text),
            start_ms=begins * 1000 // self._rate_hz,
            length_ms=samples * 1000 // self._rate_hz,
            word_timings=[
                WordTiming(
                    word=word.word,
                    start_ms=round(word.start_s * 1000),
                    length_ms=round((word.end_s - word.start_s) * 1000),
                )
                for word in words
            ],
            chunk_type=UtteranceSynthesisResponseChunkType.AUDIO_TEXT_COMBINED,
        )


def _text(request: UtteranceSynthesisRequest) -> str:
    if request.text is None:
        raise RpcError(Status.INVALID_ARGUMENT, "the request must carry a text, got a template")
    if len(request.text) > LONGEST_CHARACTERS["utterance"]:
        raise RpcError(
            Status.INVALID_ARGUMENT,
            f"the text must be at most {LONGEST_CHARACTERS['utterance']} characters, "
            f"got {len(request.text)}",
        )
    return request.text


def _rate(request: UtteranceSynthesisRequest) -> int:
    raw = request.output_audio_spec.raw_audio if request.output_audio_spec else None
    if raw is None or raw.audio_encoding != RawAudioAudioEncoding.LINEAR16_PCM:
        raise RpcError(Status.INVALID_ARGUMENT, "the audio format must be raw LINEAR16_PCM")
    if raw.sample_rate_hertz not in RATES_HZ:
        raise RpcError(
            Status.INVALID_ARGUMENT,
            f"the sample rate must be from {RATES_HZ[0]} to {RATES_HZ[-1]} Hz, "
            f"got {raw.sample_rate_hertz}",
        )
    return raw.sample_rate_hertz
