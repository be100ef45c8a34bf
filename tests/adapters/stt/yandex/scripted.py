"""A fake of SpeechKit's recognition, without a network, for the virtual clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import trio
import trio.testing

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.method import Method
from callchart.adapters.stt.yandex.recognition import YandexRecognition
from callchart.adapters.stt.yandex.recognizer import RUSSIAN, Listening, YandexRecognizer
from callchart.adapters.stt.yandex.session import LIMITS, Limits
from callchart.adapters.yandex.access import Access
from callchart.adapters.yandex.credentials import ApiKey, Credentials
from callchart.adapters.yandex.refusals import Service
from callchart.engine.ports import FRAME_SECONDS, EndOfUtterance, Heard, ProviderError, frame_bytes
from callchart.proto.messages.speechkit.stt.v3 import (
    Alternative,
    AlternativeUpdate,
    AudioCursors,
    EouUpdate,
    FinalRefinement,
    StreamingRequest,
    StreamingResponse,
    Word,
)
from tests.recordings import frames, silence

RATE_HZ = 16000
KEY = ApiKey("secret")

#: A frame that is not silent.
SOUND = b"\1\0" * (frame_bytes(RATE_HZ) // 2)

#: A word, its start in seconds of the session, and its end; without an end, it lasts for 0.2 s.
Said = tuple[str, float] | tuple[str, float, float]


class ScriptedSession:
    """One stream at the server: it records messages, and sends the responses of the test."""

    def __init__(self) -> None:
        self.messages: list[StreamingRequest] = []
        #: Seconds of received sound, including silence.
        self.seconds = 0.0
        self.is_open = True
        #: False while the server reads no messages.
        self.is_reading = True
        #: Seconds from a response to its arrival.
        self.lag = 0.0
        self._response_sender, self._response_receiver = trio.open_memory_channel[
            tuple[float, StreamingResponse | RpcError | None]
        ](math.inf)
        self._finals = -1
        self._cursors = AudioCursors()

    def partial(self, *said: Said, until: float | None = None) -> None:
        """Send a partial for the sound from the last final to `until`."""
        update, end = _update(said)
        self._cursors.partial_time_ms = _ms(until or end)
        self.say(StreamingResponse(partial=update))

    def final(self, *said: Said, until: float) -> None:
        update, _ = _update(said)
        self._finals += 1
        self._cursors.final_index = self._finals
        self._cursors.partial_time_ms = self._cursors.final_time_ms = _ms(until)
        self.say(StreamingResponse(final=update))

    def end_of_utterance(self, at: float) -> None:
        self._cursors.eou_time_ms = _ms(at)
        self.say(StreamingResponse(eou_update=EouUpdate(time_ms=_ms(at))))

    def refine(self, text: str, *said: Said) -> None:
        """Send the normalised text of the last final; its words stay as spoken."""
        update, _ = _update(said)
        update.alternatives[0].text = text
        self.say(
            StreamingResponse(
                final_refinement=FinalRefinement(final_index=self._finals, normalized_text=update)
            )
        )

    def send_untimed_partial(self, text: str, start: float, end: float) -> None:
        """Send a partial without word timings."""
        whole = Alternative(text=text, start_time_ms=_ms(start), end_time_ms=_ms(end))
        self.say(StreamingResponse(partial=AlternativeUpdate(alternatives=[whole])))

    def say(self, response: StreamingResponse) -> None:
        cursors = self._cursors
        response.audio_cursors = AudioCursors.parse(bytes(cursors))
        self._response_sender.send_nowait((trio.current_time() + self.lag, response))

    def end(self, error: RpcError | None = None) -> None:
        """End the stream, with or without an error."""
        self._response_sender.send_nowait((trio.current_time() + self.lag, error))

    # --- the stream, as the adapter uses it -----------------------------------------------------

    async def send(self, message: StreamingRequest) -> None:
        await trio.lowlevel.checkpoint()
        if not self.is_reading:
            await trio.sleep_forever()
        self.messages.append(message)
        self.seconds += length(message)

    async def receive(self) -> StreamingResponse | None:
        due, said = await self._response_receiver.receive()
        await trio.sleep_until(due)
        if isinstance(said, RpcError):
            raise said
        return said


class ScriptedSpeechKit:
    """A server that accepts sessions, and refuses one for each of `refusals`."""

    def __init__(self, session: Callable[[], ScriptedSession] = ScriptedSession) -> None:
        self._session = session
        self.sessions: list[ScriptedSession] = []
        self.refusals: deque[RpcError] = deque()
        self.began_at: list[float] = []

    @asynccontextmanager
    async def stream(
        self,
        method: Method[StreamingRequest, StreamingResponse],
        metadata: Mapping[str, str] | None = None,
    ) -> AsyncIterator[ScriptedSession]:
        """See `Streams`."""
        await trio.lowlevel.checkpoint()
        self.began_at.append(trio.current_time())
        if self.refusals:
            raise self.refusals.popleft()
        session = self._session()
        self.sessions.append(session)
        try:
            yield session
        finally:
            session.is_open = False


class Call:
    """A call on the virtual clock, whose line delivers a frame every 20 ms."""

    def __init__(self, kit: ScriptedSpeechKit, recognition: YandexRecognition) -> None:
        self.kit, self.recognition = kit, recognition
        #: The error that ended the recognition.
        self.failure: ProviderError | None = None
        self._utterance = 0
        #: The utterances whose end SpeechKit reported.
        self.heard_out: list[int] = []
        self._results: list[Heard] = []

    @classmethod
    @asynccontextmanager
    async def begin(
        cls,
        listening: Listening = RUSSIAN,
        limits: Limits = LIMITS,
        kit: ScriptedSpeechKit | None = None,
        credentials: Credentials = KEY,
    ) -> AsyncIterator[Call]:
        kit = kit or ScriptedSpeechKit()
        access = Access(Service("the-role", "the settings"), credentials)
        recognizer = YandexRecognizer(kit, access, listening, limits)
        async with (
            recognizer.recognition(RATE_HZ) as recognition,
            trio.open_nursery() as nursery,
        ):
            call = cls(kit, recognition)
            nursery.start_soon(call._listen)
            await settled()
            yield call
            nursery.cancel_scope.cancel()

    @property
    def session(self) -> ScriptedSession:
        """The newest session."""
        return self.kit.sessions[-1]

    async def deliver_silence(self, seconds: float) -> None:
        await self._deliver(silence(FRAME_SECONDS), seconds)

    async def deliver_sound(self, seconds: float, frames: int = 1) -> None:
        """Deliver sound, `frames` at a time."""
        await self._deliver(SOUND * frames, seconds)

    async def begin_utterance(self) -> int:
        self._utterance += 1
        self.recognition.utterance_started(self._utterance)
        await settled()
        return self._utterance

    async def end_utterance(self, utterance: int | None = None) -> None:
        self.recognition.utterance_ended(utterance or self._utterance)
        await settled()

    async def results(self) -> list[Heard]:
        """Return the results since the last call of this method."""
        await settled()
        results, self._results = self._results, []
        return results

    async def _listen(self) -> None:
        try:
            while True:
                match await self.recognition.result():
                    case EndOfUtterance(utterance):
                        self.heard_out.append(utterance)
                    case heard:
                        self._results.append(heard)
        except ProviderError as failure:
            self.failure = failure

    async def deliver(self, pcm: bytes) -> None:
        """Deliver this sound, frame by frame."""
        for frame in frames(pcm, RATE_HZ):
            self.recognition.feed_frames(frame)
            await trio.sleep(FRAME_SECONDS)

    async def _deliver(self, frame: bytes, seconds: float) -> None:
        every = len(frame) / 2 / RATE_HZ
        for _ in range(round(seconds / every)):
            self.recognition.feed_frames(frame)
            await trio.sleep(every)
        await settled()


async def settled() -> None:
    """Wait until all tasks wait for the clock."""
    await trio.testing.wait_all_tasks_blocked()


def length(request: StreamingRequest) -> float:
    """Return the seconds of sound in a message."""
    if request.silence_chunk is not None:
        return request.silence_chunk.duration_ms / 1000
    return len(request.chunk.data) / 2 / RATE_HZ if request.chunk is not None else 0.0


def _update(said: Sequence[Said]) -> tuple[AlternativeUpdate, float]:
    words = [
        Word(text=text, start_time_ms=_ms(at), end_time_ms=_ms(end[0] if end else at + 0.2))
        for text, at, *end in said
    ]
    text = " ".join(word.text for word in words)
    end = max((word.end_time_ms for word in words), default=0) / 1000
    return AlternativeUpdate(alternatives=[Alternative(words=words, text=text)]), end


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
