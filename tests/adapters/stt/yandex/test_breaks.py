"""Each word is delivered once, in its utterance, for random pauses and broken sessions.

The server of these tests understands the tone code."""

from __future__ import annotations

from collections import deque
from functools import partial

import trio
from grpclib.const import Status
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.stt.yandex.recognizer import Listening
from callchart.adapters.stt.yandex.session import Limits
from callchart.proto.messages.speechkit.stt.v3 import StreamingRequest
from tests.adapters.stt.yandex.scripted import (
    RATE_HZ,
    Call,
    ScriptedSession,
    ScriptedSpeechKit,
    length,
)
from tests.recordings import silence
from tests.servers.speechkit.ear import ToneEar
from tests.servers.tones import speak

#: A wait so long that the server always sends the final in time.
PATIENT = Listening(max_pause_s=0.5, final_wait_s=10.0)

#: Words, each with the pause after it in frames. The shortest pause is below what a voice detector
#: hears, the longest ends a turn.
UTTERANCES = st.lists(
    st.tuples(st.sampled_from(["a", "one", "seven", "twenty", "thousand"]), st.integers(2, 60)),
    min_size=1,
    max_size=12,
)

#: For each session in turn, the seconds of sound after which it breaks.
BREAKS = st.lists(st.floats(0.0, 6.0), max_size=4)


class ListeningSession(ScriptedSession):
    """A session that understands the tone code, and breaks after some seconds of sound."""

    def __init__(self, breaks: deque[float], lag: float) -> None:
        super().__init__()
        self.lag = lag
        self._breaks_at = breaks.popleft() if breaks else None
        self._ear = ToneEar(RATE_HZ, PATIENT.max_pause_s)

    async def send(self, message: StreamingRequest) -> None:
        await super().send(message)
        if message.session_options is not None or not self.is_open:
            return
        pcm = message.chunk.data if message.chunk is not None else silence(length(message))
        for event in self._ear.feed_audio(pcm, self.seconds):
            said = [(word.text, word.start, word.end) for word in event.words]
            match event.kind:
                case "partial":
                    self.partial(*said)
                case "final":
                    self.final(*said, until=event.end)
                case "eou":
                    self.end_of_utterance(event.end)
        if self._breaks_at is not None and self.seconds >= self._breaks_at:
            self._breaks_at = None
            self.end(RpcError(Status.UNAVAILABLE, "the server reset the call"))


@settings(max_examples=15)
@given(
    said=UTTERANCES,
    breaks=BREAKS,
    lag=st.sampled_from([0.0, 0.3]),
    longest=st.sampled_from([3.0, 5.0, 300.0]),
)
def test_each_word_is_delivered_once_in_its_utterance(
    said: list[tuple[str, int]], breaks: list[float], lag: float, longest: float
) -> None:
    trio.run(_check_call, said, breaks, lag, longest, clock=MockClock(autojump_threshold=0))


async def _check_call(
    said: list[tuple[str, int]], breaks: list[float], lag: float, longest: float
) -> None:
    kit = ScriptedSpeechKit(partial(ListeningSession, deque(breaks), lag))
    async with Call.begin(PATIENT, Limits(duration_s=longest), kit) as call:
        expected = await _speak_words(call, said)
        await call.deliver_silence(1.5)
        assert call.failure is None
        finals = [heard.text for heard in await call.results() if heard.final]
        assert finals == expected


async def _speak_words(call: Call, said: list[tuple[str, int]]) -> list[str]:
    """Speak the words, with a detector that is 100 ms late. Return the expected utterances."""
    expected: list[str] = []
    await call.deliver_silence(0.5)
    late, speaking = len(silence(0.1)), False
    for word, pause in said:
        pcm = speak(word, RATE_HZ).pcm
        pcm = pcm[: -len(silence(0.04))]
        if speaking:
            expected[-1] += f" {word}"
            await call.deliver(pcm)
        else:
            expected.append(word)
            await call.deliver(pcm[:late])
            await call.begin_utterance()
            await call.deliver(pcm[late:])
        speaking = pause < 5
        if not speaking:
            await call.deliver_silence(0.1)
            await call.end_utterance()
            pause -= 5
        await call.deliver_silence(pause * 0.02)
    if speaking:
        await call.deliver_silence(0.1)
        await call.end_utterance()
    return expected
