"""`speechkit.stt.v3.Recognizer`: the recognition of sessions, with the limits of the real service.

A session has two threads: one reads, the other sends the results when they are due."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import grpc
from yandex.cloud.ai.stt.v3 import stt_pb2, stt_service_pb2_grpc

from tests.servers.exchanges import Exchanges, Rules
from tests.servers.keys import Keys
from tests.servers.speechkit.ear import Cursors, Event, ear
from tests.servers.speechkit.rpc import FOREVER, Call, Cancelled
from tests.servers.speechkit.scripts import Hearing
from tests.servers.tones import Word

#: The server sends a warning when audio is further ahead of the clock than this, in seconds.
AHEAD = 2.0

NORMALIZED = stt_pb2.TextNormalizationOptions.TEXT_NORMALIZATION_ENABLED
STATUS = {
    "working": stt_pb2.WORKING,
    "warning": stt_pb2.WARNING,
    "closed": stt_pb2.CLOSED,
}


class Recognizer(stt_service_pb2_grpc.RecognizerServicer):
    """The gRPC service. Its methods have the names of the API."""

    def __init__(self, exchanges: Exchanges, rules: Rules[Hearing], keys: Keys) -> None:
        self._exchanges, self._rules, self._keys = exchanges, rules, keys

    def RecognizeStreaming(  # noqa: N802
        self,
        request_iterator: Iterator[stt_pb2.StreamingRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[stt_pb2.StreamingResponse]:
        first = next(request_iterator, stt_pb2.StreamingRequest())
        call = Call("RecognizeStreaming", "", first, context, self._exchanges, self._keys)
        if not first.HasField("session_options"):
            call.refuse("INVALID_ARGUMENT", "session_options must come first")
        options = first.session_options
        raw = options.recognition_model.audio_format.raw_audio
        if raw.audio_encoding != stt_pb2.RawAudio.LINEAR16_PCM or raw.audio_channel_count > 1:
            call.refuse("INVALID_ARGUMENT", "this server hears raw mono LINEAR16_PCM")
        if not 8000 <= raw.sample_rate_hertz <= 48_000 or raw.sample_rate_hertz % 50:
            call.refuse(
                "INVALID_ARGUMENT", "the rate must be a multiple of 50 from 8000 to 48000 Hz"
            )
        session = _Session(self._rules.take(options.recognition_model.model), options, call)
        threading.Thread(target=session.read, args=(request_iterator,), daemon=True).start()
        try:
            yield from session.responses()
        except Cancelled:
            return
        call.exchange.end()


class _Session:
    """One stream's audio and its results.

    `read` appends each response to a queue, with the moment when it is due."""

    def __init__(self, script: Hearing, options: stt_pb2.StreamingOptions, call: Call) -> None:
        model, classifier = options.recognition_model, options.eou_classifier
        self._script, self._call = script, call
        self._rate_hz = model.audio_format.raw_audio.sample_rate_hertz
        hint = classifier.default_classifier.max_pause_between_words_hint_ms / 1000
        self._external = classifier.WhichOneof("Classifier") == "external_classifier"
        pause = float("inf") if self._external else hint or script.pause
        self._ear = ear(script, self._rate_hz, pause)
        self._refines = model.text_normalization.text_normalization == NORMALIZED
        self._uuid = stt_pb2.SessionUuid(uuid=str(uuid.uuid4()))
        self._changed = threading.Condition()
        #: (due, response) in order; then the fault or "end" with which the session ends, or None.
        self._queue: list[tuple[float, stt_pb2.StreamingResponse]] = []
        self._end: str | None = None
        self._cursors, self._bytes = Cursors(), 0
        self._began = self._last_message = self._last_sign = perf_counter()
        self._warned = False

    # --- reading ---------------------------------------------------------------------------

    def read(self, requests: Iterator[stt_pb2.StreamingRequest]) -> None:
        """Read messages until the stream or the script ends."""
        try:
            for request in requests:
                with self._changed:
                    self._last_message = perf_counter()
                    if self._end is not None:
                        return
                    self._take(request)
                    self._changed.notify_all()
        except grpc.RpcError:
            return  # the client went away
        with self._changed:
            if self._end is None:
                self._say(self._ear.end_of_utterance())
                self._end = "end"
            self._changed.notify_all()

    def _take(self, request: stt_pb2.StreamingRequest) -> None:
        match request.WhichOneof("Event"):
            case "chunk":
                self._hear(request.chunk.data)
            case "silence_chunk":
                samples = request.silence_chunk.duration_ms * self._rate_hz // 1000
                self._hear(bytes(2 * samples), sent=0)
            case "eou" if self._external:
                self._say(self._ear.end_of_utterance())
            case _:
                self._end = "INVALID_ARGUMENT"
        script, cursors = self._script, self._cursors
        if self._end is not None:
            return
        if cursors.received > script.longest or self._bytes > script.largest:
            self._close("the session is too long")
        elif script.then and cursors.received >= script.after:
            if script.then == "closed":
                self._close("this is scripted")
            else:
                self._end = script.then

    def _hear(self, pcm: bytes, sent: int | None = None) -> None:
        self._bytes += len(pcm) if sent is None else sent
        self._cursors.received += len(pcm) / 2 / self._rate_hz
        self._say(self._ear.feed_audio(pcm, self._cursors.received))
        ahead = self._cursors.received - (perf_counter() - self._began)
        if ahead > AHEAD and not self._warned:
            self._warned = True
            self._status("warning", "audio comes faster than in real time")

    def _close(self, why: str) -> None:
        self._status("closed", why)
        self._end = "end"

    def _say(self, events: Iterator[Event]) -> None:
        script, now = self._script, perf_counter()
        for event in events:
            if event.kind == "refinement" and not self._refines:
                continue
            due = now + script.lag
            if event.kind != "partial":
                due += script.final_lag
            if event.kind == "refinement":
                due += script.refinement_lag
            self._put(due, self._response(event))

    def _status(self, kind: str, message: str) -> None:
        response = self._blank()
        response.status_code.CopyFrom(stt_pb2.StatusCode(code_type=STATUS[kind], message=message))
        self._put(perf_counter(), response)

    def _put(self, due: float, response: stt_pb2.StreamingResponse) -> None:
        # Keep the results in the order of the audio.
        due = max([due, *(earlier for earlier, _ in self._queue)])
        self._queue.append((due, response))

    # --- answering -------------------------------------------------------------------------

    def responses(self) -> Iterator[stt_pb2.StreamingResponse]:
        """Yield the responses until the session ends. Raises `Cancelled`."""
        self._call.on_end(self._wake)
        while response := self._next():
            self._call.exchange.record_piece()
            yield response
        assert self._end is not None
        if self._end == "hang":
            self._call.wait_until(perf_counter() + FOREVER)
        elif self._end != "end":
            self._call.break_off(self._end, self._script.retry_after)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _next(self) -> stt_pb2.StreamingResponse | None:
        """Wait for the next response, and return it; None at the end."""
        with self._changed:
            while True:
                if self._call.over:
                    raise Cancelled
                now = perf_counter()
                if self._queue and self._queue[0][0] <= now:
                    return self._queue.pop(0)[1]
                if self._end is not None and not self._queue:
                    return None
                patience = self._last_message + self._script.patience
                sign = self._last_sign + self._script.working_every
                if self._end is None and patience <= now:
                    self._close("no message for too long")
                    continue
                if sign <= now:
                    self._last_sign = now
                    self._status("working", "")
                    continue
                due = [self._queue[0][0]] if self._queue else []
                if self._end is None:
                    due.append(patience)
                self._changed.wait(min([sign, *due]) - now)

    def _blank(self) -> stt_pb2.StreamingResponse:
        cursors = self._cursors
        return stt_pb2.StreamingResponse(
            session_uuid=self._uuid,
            audio_cursors=stt_pb2.AudioCursors(
                received_data_ms=_ms(cursors.received),
                partial_time_ms=_ms(cursors.partial),
                final_time_ms=_ms(cursors.final),
                final_index=max(0, cursors.finals - 1),
                eou_time_ms=_ms(cursors.eou),
            ),
            response_wall_time_ms=_ms(perf_counter() - self._began),
            channel_tag="0",
        )

    def _response(self, event: Event) -> stt_pb2.StreamingResponse:
        cursors = self._cursors
        match event.kind:
            case "partial":
                cursors.partial = event.end
            case "final":
                cursors.partial = cursors.final = event.end
                cursors.finals += 1
            case "eou":
                cursors.eou = event.end
        response = self._blank()
        match event.kind:
            case "partial":
                response.partial.CopyFrom(_update(event))
            case "final":
                response.final.CopyFrom(_update(event))
            case "eou":
                response.eou_update.time_ms = _ms(event.end)
            case "refinement":
                response.final_refinement.final_index = cursors.finals - 1
                response.final_refinement.normalized_text.CopyFrom(_update(_written(event)))
            case "warning":
                response.status_code.CopyFrom(
                    stt_pb2.StatusCode(code_type=stt_pb2.WARNING, message=event.text)
                )
        return response


def _written(event: Event) -> Event:
    """Return the event with a capital at the beginning and a full stop at the end."""
    first, *rest = event.words
    words = [Word(first.text.capitalize(), first.start, first.end), *rest]
    if not words[-1].text.endswith((".", "?", "!")):
        words[-1] = Word(f"{words[-1].text}.", words[-1].start, words[-1].end)
    return replace(event, words=tuple(words))


def _update(event: Event) -> stt_pb2.AlternativeUpdate:
    words = [
        stt_pb2.Word(text=word.text, start_time_ms=_ms(word.start), end_time_ms=_ms(word.end))
        for word in event.words
    ]
    alternative = stt_pb2.Alternative(
        words=words, text=event.text, start_time_ms=_ms(event.start), end_time_ms=_ms(event.end)
    )
    return stt_pb2.AlternativeUpdate(alternatives=[alternative])


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
