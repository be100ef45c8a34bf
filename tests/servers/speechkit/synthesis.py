"""`speechkit.tts.v3.Synthesizer`: speaks texts in the tone code, at the script's pace."""

from __future__ import annotations

import io
import random
import re
import wave
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
from yandex.cloud.ai.tts.v3 import tts_pb2, tts_service_pb2_grpc

from tests.servers.exchanges import Exchanges, Rules
from tests.servers.keys import Keys
from tests.servers.scripts import Broken, paced
from tests.servers.speechkit.rpc import Call, Cancelled
from tests.servers.speechkit.scripts import Speaking
from tests.servers.tones import Sound, Word, speak

#: The most characters of an utterance, and of one in unsafe mode or of a stream.
LONGEST, LONGEST_UNSAFE = 250, 5000

#: The rate of a request without a format; its sound is a WAV file.
DEFAULT_HZ = 22_050

Response = tts_pb2.UtteranceSynthesisResponse


class BadRequest(Exception):
    """The request asks for an unknown option."""


@dataclass(frozen=True, slots=True)
class Format:
    rate_hz: int
    wav: bool

    @classmethod
    def of(cls, spec: tts_pb2.AudioFormatOptions) -> Format:
        """Read the format of a request. Raises `BadRequest`."""
        match spec.WhichOneof("AudioFormat"):
            case None:
                return cls(DEFAULT_HZ, wav=True)
            case "raw_audio":
                raw = spec.raw_audio
                if raw.audio_encoding != tts_pb2.RawAudio.LINEAR16_PCM:
                    raise BadRequest("raw audio is LINEAR16_PCM")
                if not 8000 <= raw.sample_rate_hertz <= 48_000 or raw.sample_rate_hertz % 50:
                    raise BadRequest("the rate must be a multiple of 50 from 8000 to 48000 Hz")
                return cls(raw.sample_rate_hertz, wav=False)
        if spec.container_audio.container_audio_type != tts_pb2.ContainerAudio.WAV:
            raise BadRequest("this server makes no other container than WAV")
        return cls(DEFAULT_HZ, wav=True)


class Synthesizer(tts_service_pb2_grpc.SynthesizerServicer):
    """The gRPC service. Its methods have the names of the API."""

    def __init__(self, exchanges: Exchanges, rules: Rules[Speaking], keys: Keys) -> None:
        self._exchanges, self._rules, self._keys = exchanges, rules, keys

    def UtteranceSynthesis(  # noqa: N802
        self, request: tts_pb2.UtteranceSynthesisRequest, context: grpc.ServicerContext
    ) -> Iterator[Response]:
        text = request.text
        call = Call("UtteranceSynthesis", text, request, context, self._exchanges, self._keys)
        if len(text) > (LONGEST_UNSAFE if request.unsafe_mode else LONGEST):
            call.refuse("INVALID_ARGUMENT", "the text is too long")
        try:
            sound_format = Format.of(request.output_audio_spec)
            live = request.model == "livetts"
            yield from self._speak(call, text, sound_format, live)
        except BadRequest as error:
            call.refuse("INVALID_ARGUMENT", str(error))
        except Cancelled:
            return
        call.exchange.end()

    def StreamSynthesis(  # noqa: N802
        self,
        request_iterator: Iterator[tts_pb2.StreamSynthesisRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[tts_pb2.StreamSynthesisResponse]:
        first = next(request_iterator, tts_pb2.StreamSynthesisRequest())
        call = Call("StreamSynthesis", "", first, context, self._exchanges, self._keys)
        try:
            if not first.HasField("options"):
                raise BadRequest("options must come first")
            sound_format = Format.of(first.options.output_audio_spec)
            said_ms = ends_ms = 0  # times count from the beginning of the whole sound
            for text in self._texts(call, request_iterator):
                for piece in self._speak(call, text, sound_format, live=False):
                    piece.start_ms += said_ms
                    for timing in piece.word_timings:
                        timing.start_ms += said_ms
                    ends_ms = piece.start_ms + piece.length_ms
                    # Both messages have the same field numbers.
                    yield tts_pb2.StreamSynthesisResponse.FromString(piece.SerializeToString())
                said_ms = ends_ms
        except BadRequest as error:
            call.refuse("INVALID_ARGUMENT", str(error))
        except Cancelled:
            return
        call.exchange.end()

    def _texts(
        self, call: Call, requests: Iterator[tts_pb2.StreamSynthesisRequest]
    ) -> Iterator[str]:
        """Yield the texts to speak: each ends with a sentence, a flush, or the stream."""
        pending, length = "", 0
        for request in requests:
            match request.WhichOneof("Event"):
                case "synthesis_input":
                    call.exchange.add_text(request.synthesis_input.text)
                    pending += request.synthesis_input.text
                    length += len(request.synthesis_input.text)
                    if length > LONGEST_UNSAFE:
                        raise BadRequest("the text is too long")
                    while sentence := re.match(r".*?[.!?]\s+", pending, re.DOTALL):
                        yield sentence[0]
                        pending = pending[sentence.end() :]
                case "force_synthesis":
                    if pending:
                        yield pending
                        pending = ""
                case _:
                    raise BadRequest("options must come first, and only once")
        if pending and not call.over:
            yield pending

    def _speak(self, call: Call, text: str, sound_format: Format, live: bool) -> Iterator[Response]:
        script, rate_hz = self._rules.take(text), sound_format.rate_hz
        sound = speak(text, rate_hz)
        pieces = _pieces(text, sound, script.piece, rate_hz, live)
        try:
            for number, piece in enumerate(paced(script, pieces, call.wait_until)):
                if sound_format.wav and not number:
                    piece.audio_chunk.data = wav_head(rate_hz) + piece.audio_chunk.data
                call.exchange.record_piece()
                yield piece
        except Broken as broken:
            if broken.then == "garbage":
                yield Response(audio_chunk=tts_pb2.AudioChunk(data=garbage(rate_hz)))
            else:
                call.break_off(broken.then, script.retry_after)


def _pieces(
    text: str, sound: Sound, seconds: float, rate_hz: int, live: bool
) -> Iterator[Response]:
    """Yield the messages for a text. The text comes first, and a word's timing with its start."""
    written = tts_pb2.TextChunk(text=text)
    if sound.is_silent:
        yield Response(text_chunk=written, chunk_type=Response.NO_SPEAKABLE_TEXT)
        return
    if live:
        yield Response(text_chunk=written, chunk_type=Response.TEXT_ONLY)
    size = max(1, round(seconds * rate_hz)) * 2
    for begin in range(0, len(sound.pcm), size):
        pcm = sound.pcm[begin : begin + size]
        starts, ends = begin / 2 / rate_hz, (begin + len(pcm)) / 2 / rate_hz
        piece = Response(
            audio_chunk=tts_pb2.AudioChunk(data=pcm),
            start_ms=round(starts * 1000),
            length_ms=round((ends - starts) * 1000),
            chunk_type=Response.AUDIO_ONLY if live else Response.AUDIO_TEXT_COMBINED,
        )
        if not live:
            if not begin:
                piece.text_chunk.CopyFrom(written)
            for word in sound.words:
                if starts <= word.start < ends:
                    piece.word_timings.append(_timing(word))
        yield piece


def _timing(word: Word) -> tts_pb2.WordTiming:
    start, end = round(word.start * 1000), round(word.end * 1000)
    return tts_pb2.WordTiming(word=word.text, start_ms=start, length_ms=end - start)


def wav_head(rate_hz: int) -> bytes:
    """Return the header of a WAV file of unknown length."""
    file = io.BytesIO()
    with wave.open(file, "wb") as head:
        head.setnchannels(1)
        head.setsampwidth(2)
        head.setframerate(rate_hz)
    return file.getvalue()


def garbage(rate_hz: int) -> bytes:
    """Return half a second of noise, and half a sample."""
    return random.Random(1).randbytes(rate_hz + 1)
