"""A caller who is controlled by a test, and the call that connects them to a WAV line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from callchart.adapters.carrier.wav import WavCarrier, WavLine
from callchart.engine.ports import frame_bytes


class Person:
    """A caller who says what the test wants, and keeps every frame that they hear."""

    def __init__(self, rate_hz: int = 16000) -> None:
        self.rate_hz = rate_hz
        self.line = WavLine(self, "test")
        self.earpiece: list[bytes] = []
        self._to_say = bytearray()
        self._leaves = False

    def say(self, pcm: bytes) -> None:
        self._to_say += pcm

    def heard(self) -> bytes:
        return b"".join(self.earpiece)

    def hang_up(self) -> None:
        self._leaves = True

    def speak(self, heard: bytes) -> bytes | None:
        if self._leaves:
            return None
        self.earpiece.append(heard)
        size = frame_bytes(self.rate_hz)
        frame = bytes(self._to_say[:size])
        del self._to_say[:size]
        return frame.ljust(size, b"\0")


@asynccontextmanager
async def calling(person: Person) -> AsyncIterator[Person]:
    """Accept the person's call, without an answer, and close it after the block.

    With the time limit, the test of a broken line fails instead of hanging."""
    with trio.fail_after(1000):
        async with trio.open_nursery() as nursery:
            assert await WavCarrier(person.line, nursery).accept() is person.line
            yield person
            person.line.hang_up()
