"""Fake providers that follow a caller's script and take no other time.

They pass on the number of the question: the recogniser reads it from the samples, the model repeats
it, and the synthesizer writes it into the samples of the answer. Delays count from the beginning of
each job, so that a late token does not delay the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import Heard, Speech, Tools, VoiceEdge
from tests.benchmarks.caller import Script
from tests.benchmarks.sink import FRAME, number_in, sound


async def _until(at: float) -> None:
    """Wait until Trio's clock reads `at`, without a checkpoint if it is past."""
    if at > trio.current_time():
        await trio.sleep_until(at)


class Voice:
    """A voice detector: sound is speech if its last sample is not zero."""

    def __init__(self) -> None:
        self._speaking = False

    def detect_edges(self, pcm: bytes) -> Sequence[VoiceEdge]:
        speaking = pcm[-2:] != b"\0\0"
        if speaking == self._speaking:
            return ()
        self._speaking = speaking
        return (VoiceEdge(speaking),)


class Voices:
    @asynccontextmanager
    async def detector(self, rate_hz: int) -> AsyncIterator[Voice]:
        yield Voice()


class Ear:
    """The recognition of one call: a partial and a final for each utterance, at scripted times."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._frame = bytearray(FRAME)
        self._planned: deque[tuple[float, Heard]] = deque()
        self._news = trio.lowlevel.ParkingLot()
        self._number = 0

    def feed_frames(self, pcm: bytes) -> None:
        # Keep a copy, as the bare loop does.
        self._frame[:] = pcm[-FRAME:]

    def utterance_started(self, utterance: int) -> None:
        self._number = number_in(self._frame)
        self._plan(self._script.partial, Heard(utterance, "question", final=False))

    def utterance_ended(self, utterance: int) -> None:
        self._plan(self._script.final, Heard(utterance, f"question {self._number}", final=True))

    async def result(self) -> Heard:
        while not self._planned:
            await self._news.park()
        await _until(self._planned[0][0])
        return self._planned.popleft()[1]

    def _plan(self, delay: float, heard: Heard) -> None:
        self._planned.append((trio.current_time() + delay, heard))
        self._news.unpark_all()


class Ears:
    def __init__(self, script: Script) -> None:
        self._script = script

    @asynccontextmanager
    async def recognition(self, rate_hz: int) -> AsyncIterator[Ear]:
        yield Ear(self._script)


class Model:
    """A model that answers question n with n, in chunks that end in "|"."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        script, began = self._script, trio.current_time()
        assert isinstance(history[-1], Said), "no tool is ever used"
        number = history[-1].text.rpartition(" ")[2]
        chunk = [number, *(" word" for _ in range(script.tokens - 2)), " word.|"]
        at = began + script.first_token
        for token in chunk * script.chunks:
            await _until(at)
            out(token)
            at += script.token


class Voicebox:
    """A synthesizer whose samples are the number at the beginning of the text."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        script, at = self._script, trio.current_time() + self._script.synthesis
        number = int(text.split()[0]) if text[0].isdigit() else 0
        for _ in range(script.pieces):
            await _until(at)
            out(Speech(sound(number, script.chunk / script.pieces)))
            at += script.piece_every
