"""Recognition of the demo's SpeechKit: a session's audio, cut into utterances for a recogniser.

A session sends partials, and at the end of an utterance its final, `eou_update` and, if requested,
the normalized final. A `Recognizer` does not report word timings: each word gets a part of the
utterance's time that is proportional to its letters."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self
from uuid import uuid4

import trio
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.service.demo.grpc_server import Call
from callchart.adapters.service.demo.loudness import ONSET_MS, Edge, SpeechFinder
from callchart.engine.exception_groups import first_leaf
from callchart.engine.ports import Heard, ProviderError, Recognition, Recognizer, frame_bytes
from callchart.proto.messages.speechkit.stt.v3 import (
    Alternative,
    AlternativeUpdate,
    AudioChunk,
    AudioCursors,
    EouUpdate,
    FinalRefinement,
    RawAudioAudioEncoding,
    SessionUuid,
    SilenceChunk,
    StreamingOptions,
    StreamingRequest,
    StreamingResponse,
    TextNormalizationOptionsTextNormalization,
    Word,
)

#: Seconds of silence that end an utterance, if the client sets none.
PAUSE_S: Final = 0.5


async def recognize(
    recognizer: Recognizer, call: Call[StreamingRequest, StreamingResponse]
) -> None:
    """Answer `RecognizeStreaming`. Raises `RpcError`, also within a group."""
    first = await call.receive()
    options = _Options.of(first.session_options if first else None)
    try:
        async with recognizer.recognition(options.rate_hz) as recognition:
            await _Session(options, recognition).run(call)
    except* ProviderError as failures:
        raise RpcError(Status.INTERNAL, str(first_leaf(failures))) from None


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of a session."""

    rate_hz: int
    pause_s: float
    refines: bool

    @classmethod
    def of(cls, options: StreamingOptions | None) -> Self:
        """Read the options of a request. Raises `RpcError`."""
        if options is None:
            raise RpcError(Status.INVALID_ARGUMENT, "the first message must be session_options")
        model = options.recognition_model
        raw = model.audio_format.raw_audio if model and model.audio_format else None
        if raw is None or raw.audio_encoding != RawAudioAudioEncoding.LINEAR16_PCM:
            raise RpcError(Status.INVALID_ARGUMENT, "the audio must be raw mono LINEAR16_PCM")
        if raw.sample_rate_hertz not in (8000, 16000) or raw.audio_channel_count > 1:
            raise RpcError(
                Status.INVALID_ARGUMENT, "the audio must have one channel of 8 or 16 kHz"
            )
        classifier = options.eou_classifier
        if classifier and classifier.external_classifier is not None:
            raise RpcError(Status.INVALID_ARGUMENT, "eou_classifier must be the default_classifier")
        default = classifier.default_classifier if classifier else None
        pause_s = default.max_pause_between_words_hint_ms / 1000 if default else 0.0
        normalization = model.text_normalization if model else None
        refines = (
            normalization is not None
            and normalization.text_normalization
            == TextNormalizationOptionsTextNormalization.ENABLED
        )
        return cls(raw.sample_rate_hertz, pause_s or PAUSE_S, refines)


@dataclass(slots=True)
class _Utterance:
    """An utterance: the begin and end of its speech, in milliseconds of the session.

    At `detected_ms` the silence after it was long enough. `end_ms` and `detected_ms` are None while
    the speech continues."""

    begin_ms: int
    end_ms: int | None = None
    detected_ms: int | None = None


class _Session:
    """One stream: its audio, and the results that it sends."""

    def __init__(self, options: _Options, recognition: Recognition) -> None:
        self._options, self._recognition = options, recognition
        self._finder = SpeechFinder(options.pause_s)
        self._partial_frame = bytearray()
        self._samples = 0
        self._utterances: deque[_Utterance] = deque()  # without a final so far
        self._begun = self._finals = 0
        self._cursors = AudioCursors()
        self._uuid = SessionUuid(uuid=str(uuid4()))
        self._final_sent = trio.Event()
        self._send_results, self._results = trio.open_memory_channel[StreamingResponse](math.inf)

    async def run(self, call: Call[StreamingRequest, StreamingResponse]) -> None:
        """Serve the stream until the client has ended it and has all results."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, call)
            nursery.start_soon(self._receive_results)
            async for response in self._results:
                await call.send(response)
            nursery.cancel_scope.cancel()

    # --- audio in ---------------------------------------------------------------------------------

    async def _listen(self, call: Call[StreamingRequest, StreamingResponse]) -> None:
        while request := await call.receive():
            match request:
                case StreamingRequest(chunk=AudioChunk(data=pcm)):
                    self._add_audio(pcm)
                case StreamingRequest(silence_chunk=SilenceChunk(duration_ms=duration)):
                    self._add_audio(bytes(2 * (duration * self._options.rate_hz // 1000)))
                case _:
                    raise RpcError(
                        Status.INVALID_ARGUMENT,
                        "this event is not allowed at this point of the session",
                    )
        if self._finder.speaking:
            self._end_utterance()
        while self._utterances:
            self._final_sent = trio.Event()
            await self._final_sent.wait()
        self._send_results.close()

    def _add_audio(self, pcm: bytes) -> None:
        self._partial_frame += pcm
        size = frame_bytes(self._options.rate_hz)
        while len(self._partial_frame) >= size:
            frame = bytes(self._partial_frame[:size])
            del self._partial_frame[:size]
            self._samples += size // 2
            self._recognition.feed_frames(frame)
            match self._finder.find_edge(frame):
                case Edge.BEGINS:
                    self._begun += 1
                    self._utterances.append(_Utterance(self._now_ms - ONSET_MS))
                    self._recognition.utterance_started(self._begun)
                case Edge.ENDS:
                    self._end_utterance()

    def _end_utterance(self) -> None:
        utterance = self._utterances[-1]
        utterance.end_ms, utterance.detected_ms = self._now_ms - self._finder.quiet_ms, self._now_ms
        self._recognition.utterance_ended(self._begun)

    @property
    def _now_ms(self) -> int:
        return self._samples * 1000 // self._options.rate_hz

    # --- results out ------------------------------------------------------------------------------

    async def _receive_results(self) -> None:
        while True:
            match await self._recognition.result():
                case Heard(final=True) as heard:
                    self._final(heard)
                case Heard(text=text) if text:
                    utterance = self._utterances[0]
                    until = self._now_ms if utterance.end_ms is None else utterance.end_ms
                    self._cursors.partial_time_ms = until
                    self._send(partial=_update(text, utterance.begin_ms, until))

    def _final(self, heard: Heard) -> None:
        utterance, cursors = self._utterances.popleft(), self._cursors
        assert utterance.end_ms is not None
        assert utterance.detected_ms is not None
        if heard.text:
            cursors.partial_time_ms = cursors.final_time_ms = utterance.detected_ms
            cursors.final_index = self._finals
            self._send(final=_update(heard.text, utterance.begin_ms, utterance.end_ms))
        cursors.eou_time_ms = utterance.detected_ms
        self._send(eou_update=EouUpdate(time_ms=utterance.detected_ms))
        if heard.text:
            if self._options.refines:
                text = f"{heard.text.capitalize()}."
                written = _update(text, utterance.begin_ms, utterance.end_ms)
                refined = FinalRefinement(final_index=self._finals, normalized_text=written)
                self._send(final_refinement=refined)
            self._finals += 1
        self._final_sent.set()

    def _send(
        self,
        *,
        partial: AlternativeUpdate | None = None,
        final: AlternativeUpdate | None = None,
        eou_update: EouUpdate | None = None,
        final_refinement: FinalRefinement | None = None,
    ) -> None:
        cursors = self._cursors
        self._send_results.send_nowait(
            StreamingResponse(
                session_uuid=self._uuid,
                audio_cursors=AudioCursors(
                    received_data_ms=self._now_ms,
                    partial_time_ms=cursors.partial_time_ms,
                    final_time_ms=cursors.final_time_ms,
                    final_index=cursors.final_index,
                    eou_time_ms=cursors.eou_time_ms,
                ),
                channel_tag="0",
                partial=partial,
                final=final,
                eou_update=eou_update,
                final_refinement=final_refinement,
            )
        )


def _update(text: str, begins: int, ends: int) -> AlternativeUpdate:
    words = list(_words(text, begins, ends))
    alternative = Alternative(words=words, text=text, start_time_ms=begins, end_time_ms=ends)
    return AlternativeUpdate(alternatives=[alternative])


def _words(text: str, begins: int, ends: int) -> Iterator[Word]:
    said = 0
    for word in text.split():
        start = begins + (ends - begins) * said // len(text)
        said += len(word) + 1
        end = begins + (ends - begins) * min(said, len(text)) // len(text)
        yield Word(text=word, start_time_ms=start, end_time_ms=end)
