"""The benchmark's line of frames does all that the contract of a line asks for."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.abc import Clock

from callchart.engine.ports import MarkReached
from tests.benchmarks.caller import Caller, Script
from tests.benchmarks.lines import FrameLine
from tests.benchmarks.sink import FRAME, SILENCE, Sink
from tests.contracts.line import LineContract, loud_seconds, tone


class Person(Caller):
    """A caller who says the frames of a test, instead of a script."""

    def __init__(self) -> None:
        super().__init__(Script(), greeting=0.0)
        self.frames: deque[bytes] = deque()

    def frame(self, at: float) -> bytes:
        return self.frames.popleft() if self.frames else SILENCE


class Earpiece(Sink):
    """A sink that keeps all sound."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""

    def take(self, pcm: bytes, deadline: float) -> None:
        super().take(pcm, deadline)
        self.heard += pcm


class Phone:
    """A person at the far end of a line of frames."""

    def __init__(self) -> None:
        self._person, self._earpiece = Person(), Earpiece()
        self.line = FrameLine("a call", self._person, self._earpiece)

    def say(self, pcm: bytes) -> None:
        self._person.frames += [pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME)]

    def heard(self) -> bytes:
        return self._earpiece.heard

    def hang_up(self) -> None:
        self.line.caller_hangs_up()


class TestFrameLine(LineContract):
    @asynccontextmanager
    async def phone(self) -> AsyncIterator[Phone]:
        phone = Phone()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(phone.line.run)
            yield phone
            nursery.cancel_scope.cancel()

    async def test_the_reply_after_a_flush_is_heard_from_its_beginning(
        self, clock: Clock | None
    ) -> None:
        """Also expect the first frame of the flushed reply, because this line sends it at once."""
        async with self.phone() as far:
            far.line.answer()
            far.line.play(tone(2.0, far.line.rate_hz))
            far.line.mark(1)
            far.line.flush()
            far.line.play(tone(0.5, far.line.rate_hz))
            far.line.mark(2)
            assert await far.line.signal() == MarkReached(2)
            assert loud_seconds(far.heard(), far.line.rate_hz) == pytest.approx(0.52)
