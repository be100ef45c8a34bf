"""The caller's sound between the media and whoever hears."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.carrier.asterisk.media.caller_buffer import CallerAudio
from callchart.engine.ports import LineGone

RATE = 8000
FRAMES = [bytes([n, 0]) * 160 for n in range(250)]


@pytest.fixture
def audio() -> CallerAudio:
    return CallerAudio("c-1", RATE)


async def test_pieces_become_whole_frames(audio: CallerAudio) -> None:
    audio.feed(FRAMES[0] + FRAMES[1][:100])
    assert await audio.hear() == FRAMES[0]
    audio.feed(FRAMES[1][100:] + FRAMES[2])
    assert await audio.hear() == FRAMES[1] + FRAMES[2]


async def test_less_than_a_frame_is_waited_for(
    audio: CallerAudio, autojump_clock: MockClock
) -> None:
    audio.feed(FRAMES[0][:100])
    with trio.move_on_after(1) as waiting:
        await audio.hear()
    assert waiting.cancelled_caught
    audio.feed(FRAMES[0][100:])
    assert await audio.hear() == FRAMES[0]


async def test_whoever_waits_hears_it_when_it_comes(
    audio: CallerAudio, autojump_clock: MockClock
) -> None:
    heard = []

    async def hear() -> None:
        heard.append(await audio.hear())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        await trio.sleep(1)
        audio.feed(FRAMES[0])
    assert heard == [FRAMES[0]]


async def test_a_reader_that_stalls_hears_the_last_two_seconds_in_whole_frames(
    audio: CallerAudio, caplog: pytest.LogCaptureFixture
) -> None:
    said = b"".join(FRAMES)
    for at in range(0, len(said), 777):
        audio.feed(said[at : at + 777])
    assert await audio.hear() == b"".join(FRAMES[-100:])
    for frame in FRAMES:
        audio.feed(frame)
    assert caplog.text.count("call c-1: nobody hears the caller") == 1


async def test_cancelling_loses_nothing(audio: CallerAudio) -> None:
    audio.feed(FRAMES[0])
    with trio.CancelScope() as scope:
        scope.cancel()
        await audio.hear()
    assert scope.cancelled_caught
    assert await audio.hear() == FRAMES[0]


async def test_once_it_is_closed_nobody_hears_or_waits(
    audio: CallerAudio, autojump_clock: MockClock
) -> None:
    audio.feed(FRAMES[0])
    audio.close()
    audio.feed(FRAMES[1])
    for _ in range(2):
        with pytest.raises(LineGone, match="call c-1"):
            await audio.hear()


async def test_whoever_waits_learns_that_it_is_closed(
    audio: CallerAudio, autojump_clock: MockClock
) -> None:
    async def hear() -> None:
        with pytest.raises(LineGone):
            await audio.hear()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        await trio.sleep(1)
        audio.close()
