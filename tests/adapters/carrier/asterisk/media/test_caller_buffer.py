"""The buffer of the caller's audio."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.carrier.asterisk.media.caller_buffer import CallerBuffer
from callchart.engine.ports import LineGone

RATE = 8000
FRAMES = [bytes([n, 0]) * 160 for n in range(250)]


@pytest.fixture
def audio() -> CallerBuffer:
    return CallerBuffer("c-1", RATE)


async def test_pieces_become_whole_frames(audio: CallerBuffer) -> None:
    audio.append_audio(FRAMES[0] + FRAMES[1][:100])
    assert await audio.receive_audio() == FRAMES[0]
    audio.append_audio(FRAMES[1][100:] + FRAMES[2])
    assert await audio.receive_audio() == FRAMES[1] + FRAMES[2]


async def test_a_partial_frame_is_not_returned(
    audio: CallerBuffer, autojump_clock: MockClock
) -> None:
    audio.append_audio(FRAMES[0][:100])
    with trio.move_on_after(1) as waiting:
        await audio.receive_audio()
    assert waiting.cancelled_caught
    audio.append_audio(FRAMES[0][100:])
    assert await audio.receive_audio() == FRAMES[0]


async def test_a_waiting_reader_gets_audio_when_it_arrives(
    audio: CallerBuffer, autojump_clock: MockClock
) -> None:
    received = []

    async def read() -> None:
        received.append(await audio.receive_audio())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.sleep(1)
        audio.append_audio(FRAMES[0])
    assert received == [FRAMES[0]]


async def test_a_reader_that_stalls_gets_the_last_two_seconds_in_whole_frames(
    audio: CallerBuffer, caplog: pytest.LogCaptureFixture
) -> None:
    said = b"".join(FRAMES)
    for at in range(0, len(said), 777):
        audio.append_audio(said[at : at + 777])
    assert await audio.receive_audio() == b"".join(FRAMES[-100:])
    for frame in FRAMES:
        audio.append_audio(frame)
    assert caplog.text.count("call c-1: caller audio not read") == 1


async def test_a_cancelled_read_loses_no_audio(audio: CallerBuffer) -> None:
    audio.append_audio(FRAMES[0])
    with trio.CancelScope() as scope:
        scope.cancel()
        await audio.receive_audio()
    assert scope.cancelled_caught
    assert await audio.receive_audio() == FRAMES[0]


async def test_a_read_after_close_fails_without_waiting(
    audio: CallerBuffer, autojump_clock: MockClock
) -> None:
    audio.append_audio(FRAMES[0])
    audio.close()
    audio.append_audio(FRAMES[1])
    for _ in range(2):
        with pytest.raises(LineGone, match="call c-1"):
            await audio.receive_audio()


async def test_close_fails_a_waiting_read(audio: CallerBuffer, autojump_clock: MockClock) -> None:
    async def read() -> None:
        with pytest.raises(LineGone):
            await audio.receive_audio()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.sleep(1)
        audio.close()
