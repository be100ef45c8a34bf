"""A call that outlasts the recognizer's sessions loses no word between two of them.

The story runs the SpeechKit adapter against a fake whose sessions last for 8 s, not 5 minutes.
"""

from __future__ import annotations

from functools import partial

import pytest
import trio
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.stt.yandex.session import Limits
from callchart.engine.testing import Story
from callchart.proto.messages.speechkit.stt.v3 import StreamingRequest
from tests.adapters.stt.yandex.scripted import RATE_HZ, Call, ScriptedSession, ScriptedSpeechKit
from tests.servers.speechkit.ear import Event, ToneEar
from tests.servers.tones import speak, spoken

pytestmark = pytest.mark.unmeasured

LIMITS = Limits(duration_s=8.0)
#: All different, so that a lost or repeated word is visible.
SAID = ("one two three", "four five six seven", "eight nine", "ten eleven twelve thirteen")
#: The length of one piece of the line's audio (s).
PIECE_S = 0.1


class HearingSession(ScriptedSession):
    """A session that recognizes the sound it gets."""

    def __init__(self) -> None:
        super().__init__()
        self._ear = ToneEar(RATE_HZ, pause=0.5)
        self._ended = 0.0

    async def send(self, message: StreamingRequest) -> None:
        await super().send(message)
        if message.chunk is not None:
            self._hear(message.chunk.data)
        elif message.silence_chunk is not None:
            samples = message.silence_chunk.duration_ms * RATE_HZ // 1000
            self._hear(bytes(2 * samples))

    def _hear(self, pcm: bytes) -> None:
        for event in self._ear.feed_audio(pcm, self.seconds):
            self._respond(event)

    def _respond(self, event: Event) -> None:
        said = [(word.text, word.start, word.end) for word in event.words]
        match event.kind:
            case "partial":
                self.partial(*said, until=event.end)
            case "final":
                self.final(*said, until=event.end)
            case "eou":
                self.end_of_utterance(event.end)
            case _:
                pass


async def test_24_no_word_is_lost_as_one_session_follows_another(story: Story) -> None:
    lag, kit = story.around(0.2), ScriptedSpeechKit(HearingSession)
    line = bytearray()
    finals: list[str] = []

    async with Call.begin(limits=LIMITS, kit=kit) as call:

        async def says(words: str) -> None:
            sound = speak(words, RATE_HZ).pcm
            await call.begin_utterance()
            line.extend(sound)
            await trio.sleep(len(sound) / 2 / RATE_HZ + PIECE_S)
            await call.end_utterance()

        async def loses() -> None:
            call.session.end(RpcError(Status.UNAVAILABLE, "the server reset the call"))

        async def listens() -> None:
            piece = round(PIECE_S * RATE_HZ) * 2
            while True:
                pcm = bytes(line[:piece])
                del line[:piece]
                call.recognition.feed_frames(pcm + bytes(piece - len(pcm)))
                await trio.sleep(PIECE_S)

        async def notes() -> None:
            while True:
                kit.sessions[-1].lag = lag
                for heard in await call.results():
                    if heard.final:
                        finals.append(heard.text)
                        story.note(f"{heard.utterance}: {heard.text}")
                story.note(f"{len(kit.sessions)} sessions")
                await trio.sleep(0.5)

        # A session ends in a silence, from 6.4 s on, or at its limit.
        for words, at in zip(SAID, (1.0, 4.6, 8.5, 12.5), strict=True):
            lasting = len(speak(words, RATE_HZ).pcm) / 2 / RATE_HZ + 2 * PIECE_S
            said = partial(says, words)
            story.event(f"says {words}", said, at=at, of_voice=True, lasting=lasting)
        story.event("a session is lost", loses, at=9.2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listens)
            nursery.start_soon(notes)
            await story.happens(until=20.0)
            nursery.cancel_scope.cancel()
        assert call.failure is None
    assert " ".join(finals).split() == [word for words in SAID for word in spoken(words).split()]
    assert len(kit.sessions) >= 3
    assert all(session.seconds <= LIMITS.duration_s for session in kit.sessions)
