"""The fake line keeps the contract of a line, and records each heard sample."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from callchart.engine.ports import Closed, LineGone, frame_bytes
from callchart.engine.testing import FakeCarrier, FakeLine
from callchart.engine.testing.line import QUEUE
from callchart.engine.testing.sound import fake_sound, pieces
from tests.contracts.line import FarEnd, Keypad, LineContract, TelephoneLineContract, tone


class Caller:
    """The far end of a fake line, for the contract."""

    def __init__(self, line: FakeLine) -> None:
        self.line = line

    def say(self, pcm: bytes) -> None:
        self.line.say(pcm)

    def heard(self) -> bytes:
        return b"".join(played.pcm for played in self.line.played())

    def hang_up(self) -> None:
        self.line.remote_hangs_up()

    def press(self, digit: str) -> None:
        self.line.press(digit)

    async def digits(self, count: int) -> str:
        return self.line.digits[:count]


@asynccontextmanager
async def calling(line: FakeLine) -> AsyncIterator[Keypad]:
    line.transfers = {TelephoneLineContract.allowed}
    yield Caller(line)


class TestFakeLine(TelephoneLineContract):
    def telephone(self) -> AbstractAsyncContextManager[Keypad]:
        return calling(FakeLine())


class TestFakeLineWithFrames(LineContract):
    def phone(self) -> AbstractAsyncContextManager[FarEnd]:
        return calling(FakeLine(frames=True))


class TestFakeLineAt8kHz(LineContract):
    def phone(self) -> AbstractAsyncContextManager[FarEnd]:
        return calling(FakeLine(rate_hz=8000))


async def hear_for(line: FakeLine, seconds: float) -> list[tuple[float, bytes]]:
    """Return the audio that the line gives, with its times."""
    given = []
    with trio.move_on_after(seconds):
        while True:
            pcm = await line.receive_audio()
            given.append((round(trio.current_time(), 6), pcm))
    return given


@pytest.mark.parametrize("frames", [False, True])
async def test_an_onset_and_an_end_are_given_a_frame_later(
    autojump_clock: MockClock, frames: bool
) -> None:
    line = FakeLine(frames=frames)
    line.answer()

    async def caller() -> None:
        await trio.sleep(1.01)
        line.start_speaking(7)
        await trio.sleep(1.0)
        line.stop_speaking()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller)
        given = await hear_for(line, 4)
    voiced = [(at, pcm) for at, pcm in given if any(pcm)]
    # The caller begins in the middle of a frame; the next frame begins at 1.02 s.
    assert voiced[0][0] == pytest.approx(1.04)
    assert b"".join(pcm for _, pcm in voiced).rstrip(b"\0").lstrip(b"\0")
    (said,) = pieces(b"".join(pcm for _, pcm in given))
    assert (said.sound, said.first, said.samples, said.offset) == (7, 0, 16000, 16320)
    assert voiced[-1][0] == pytest.approx(2.04 if not frames else 2.02)


async def test_spans_are_long_while_the_sound_does_not_change(autojump_clock: MockClock) -> None:
    line = FakeLine()
    line.answer()
    assert [at for at, _ in await hear_for(line, 16)] == [5.0, 10.0, 15.0]


async def test_frames_and_spans_give_the_same_audio(autojump_clock: MockClock) -> None:
    heard = []
    for frames in (False, True):
        line = FakeLine(frames=frames)
        line.answer()
        line.say(tone(0.3, 16000))
        given = b"".join(pcm for _, pcm in await hear_for(line, 5.4))
        heard.append(given[: 250 * 640])
    assert len(heard[0]) == 250 * 640
    assert heard[0] == heard[1]


async def test_sounds_of_the_caller_follow_each_other(autojump_clock: MockClock) -> None:
    line = FakeLine()
    line.answer()
    line.say(fake_sound(1, 0, 3200))
    line.say(fake_sound(2, 0, 3200))
    given = b"".join(pcm for _, pcm in await hear_for(line, 1))
    assert [(piece.sound, piece.offset) for piece in pieces(given)] == [(1, 0), (2, 3200)]


async def test_a_flush_cuts_at_the_end_of_the_frame_on_the_air(autojump_clock: MockClock) -> None:
    line = FakeLine()
    line.answer()
    line.play(fake_sound(3, 0, 16000))
    await trio.sleep(0.51)
    line.flush()
    await trio.sleep(1)
    (played,) = line.played()
    assert (played.begin, played.end) == (0, 26)
    (heard,) = pieces(played.pcm)
    assert (heard.sound, heard.first, heard.samples) == (3, 0, 26 * 320)


async def test_the_heard_sound_grows_with_time(autojump_clock: MockClock) -> None:
    line = FakeLine()
    line.answer()
    line.play(fake_sound(1, 0, 16000))
    assert list(line.played()) == []
    await trio.sleep(0.5)
    assert [played.end for played in line.played()] == [25]


async def test_a_full_queue_drops_the_excess(autojump_clock: MockClock) -> None:
    line = FakeLine()
    line.answer()
    line.play(bytes((QUEUE + 5) * frame_bytes(16000)))
    assert line.dropped_frames == 5
    await trio.sleep(1)
    line.play(bytes(60 * frame_bytes(16000)))
    assert line.dropped_frames == 15


async def test_a_carrier_that_loses_marks_confirms_none(autojump_clock: MockClock) -> None:
    line = FakeLine()
    line.confirms_marks = False
    line.answer()
    line.mark(1)
    with trio.move_on_after(10) as patience:
        await line.signal()
    assert patience.cancelled_caught


async def test_a_line_may_close_late(autojump_clock: MockClock) -> None:
    line = FakeLine()
    line.closing = 1.5
    line.answer()
    line.hang_up()
    line.play(tone(0.2, 16000))
    assert await line.signal() == Closed()
    assert trio.current_time() == 1.5
    assert list(line.played()) == []


async def test_a_line_that_breaks_off_says_only_that_it_is_closed(
    autojump_clock: MockClock,
) -> None:
    line = FakeLine()
    line.answer()
    line.break_off()
    line.break_off()
    assert await line.signal() == Closed()
    with pytest.raises(LineGone):
        await line.signal()


async def test_a_caller_has_one_voice(autojump_clock: MockClock) -> None:
    line = FakeLine()
    line.answer()
    with pytest.raises(RuntimeError, match="does not speak"):
        line.stop_speaking()
    line.start_speaking(1)
    with pytest.raises(RuntimeError, match="speaks already"):
        line.start_speaking(2)


async def test_part_of_a_frame_is_refused(autojump_clock: MockClock) -> None:
    with pytest.raises(ValueError, match="no whole frames"):
        FakeLine().play(b"\1\0")


async def test_calls_come_in_the_order_in_which_they_ring(autojump_clock: MockClock) -> None:
    carrier, first, second = FakeCarrier(), FakeLine("1"), FakeLine("2")
    carrier.ring(first)
    carrier.ring(second)
    carrier.close()
    assert [await carrier.accept(), await carrier.accept()] == [first, second]
    with pytest.raises(LineGone):
        await carrier.accept()
