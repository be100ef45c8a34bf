"""The floor: a bare Trio loop that moves the same frames without an engine.

It has one task for each direction of a call, absolute deadlines 20 ms apart, one copy of 640 bytes
a frame into the same sink, and no queue: the least that a phone bot on Trio can cost."""

from __future__ import annotations

import trio

from callchart.engine.ports import FRAME_SECONDS
from tests.benchmarks.sink import FRAME, Sink, sound

SPEECH = sound(1, FRAME_SECONDS)


async def call(sink: Sink, began: float, ends: float) -> None:
    """Move the frames of one call, both ways, from `began` to `ends` (Trio's clock)."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_hear, bytearray(FRAME), began, ends)
        nursery.start_soon(_speak, sink, began, ends)


async def _hear(ear: bytearray, began: float, ends: float) -> None:
    deadline = began
    while deadline < ends:
        deadline += FRAME_SECONDS
        await trio.sleep_until(deadline)
        ear[:] = SPEECH


async def _speak(sink: Sink, began: float, ends: float) -> None:
    deadline = began
    while deadline < ends:
        deadline += FRAME_SECONDS
        await trio.sleep_until(deadline)
        sink.take(SPEECH, deadline)
