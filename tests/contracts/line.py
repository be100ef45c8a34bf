"""The contract of `callchart.engine.ports.Line`: every line, real or fake, passes these same tests.

A test module subclasses `LineContract` as `TestSomething` and gives it a `phone()`. If the line
needs the real clock, `clock` is overridden to return None, and `slack` limits its delay.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

import numpy as np
import pytest
import trio
from trio.abc import Clock
from trio.testing import MockClock

from callchart.engine.ports import (
    Closed,
    DigitPressed,
    Line,
    LineGone,
    MarkReached,
    RemoteHungUp,
    TransferDone,
    TransferRefused,
    frame_bytes,
)

FRAME = 0.02


class FarEnd(Protocol):
    """The person at the other end of the line."""

    @property
    def line(self) -> Line: ...

    def say(self, pcm: bytes) -> None:
        """Queue whole frames of speech."""
        ...

    def heard(self) -> bytes:
        """Return the sound of the earpiece so far, mono s16le at the line's rate."""
        ...

    def hang_up(self) -> None: ...


def tone(seconds: float, rate_hz: int) -> bytes:
    """Return whole frames of a loud square wave, without a silent sample."""
    half_periods = np.arange(round(seconds / FRAME) * frame_bytes(rate_hz) // 2) // 8 % 2
    return np.where(half_periods, 8000, -8000).astype("<i2").tobytes()


def loud_seconds(pcm: bytes, rate_hz: int) -> float:
    """Return the seconds of tone in the sound."""
    samples = np.frombuffer(pcm, "<i2").astype(int)
    return int((np.abs(samples) > 1000).sum()) / rate_hz


async def hear_tone(line: Line, seconds: float) -> bytes:
    """Receive audio until it holds `seconds` of tone. Fail instead of hanging if audio is lost."""
    pcm = b""
    with trio.fail_after(seconds + 5):
        while loud_seconds(pcm, line.rate_hz) < seconds - FRAME / 2:
            pcm += await line.receive_audio()
    return pcm


class LineContract:
    #: The delay that the line may have in addition to one or two frames (s).
    slack = 0.0

    @pytest.fixture
    def clock(self) -> Clock | None:
        """Return the clock of the test, which pytest-trio takes from the arguments."""
        return MockClock(autojump_threshold=0)

    def phone(self) -> AbstractAsyncContextManager[FarEnd]:
        """Provide an unanswered call, which ends with the block."""
        raise NotImplementedError

    async def settle(self) -> None:
        """Wait until all sent messages have arrived."""
        await trio.sleep(5 * FRAME + self.slack)

    async def test_neither_side_is_heard_before_the_answer(self, clock: Clock | None) -> None:
        async with self.phone() as far:
            far.say(tone(0.2, far.line.rate_hz))
            far.line.play(tone(0.2, far.line.rate_hz))
            with trio.move_on_after(1.0):
                await far.line.receive_audio()
                raise AssertionError("heard a caller who was not answered")
            assert loud_seconds(far.heard(), far.line.rate_hz) == 0

    async def test_all_audio_of_the_caller_arrives_in_whole_frames(
        self, clock: Clock | None
    ) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.say(tone(1.0, far.line.rate_hz))
            pcm = await hear_tone(far.line, 1.0)
            await self.settle()
            pcm += await far.line.receive_audio()
            assert loud_seconds(pcm, far.line.rate_hz) == pytest.approx(1.0, abs=FRAME)
            assert len(pcm) % frame_bytes(far.line.rate_hz) == 0

    async def test_cancelling_receive_audio_ends_immediately_and_loses_no_audio(
        self, clock: Clock | None
    ) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.say(tone(1.0, far.line.rate_hz))
            pcm = b""
            for _ in range(20):
                before = trio.current_time()
                with trio.move_on_after(0.013):
                    pcm += await far.line.receive_audio()
                assert trio.current_time() - before <= 0.013 + FRAME + self.slack
            missing = 1.0 - loud_seconds(pcm, far.line.rate_hz)
            assert missing > FRAME
            await hear_tone(far.line, missing)

    async def test_a_burst_is_paced_and_its_mark_is_reached_when_it_was_heard(
        self, clock: Clock | None
    ) -> None:
        async with self.phone() as far:
            far.line.answer()
            began = trio.current_time()
            far.line.play(tone(1.0, far.line.rate_hz))
            far.line.mark(7)
            assert await far.line.signal() == MarkReached(7)
            took = trio.current_time() - began
            assert 1.0 - 1e-6 <= took <= 1.0 + 2 * FRAME + 1e-6 + self.slack
            assert loud_seconds(far.heard(), far.line.rate_hz) == pytest.approx(1.0, abs=FRAME)

    async def test_marks_are_reached_in_order_each_at_its_own_moment(
        self, clock: Clock | None
    ) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.line.mark(1)
            for mark in (2, 3):
                far.line.play(tone(0.5, far.line.rate_hz))
                far.line.mark(mark)
            reached = []
            for _ in range(3):
                signal = await far.line.signal()
                assert isinstance(signal, MarkReached)
                reached.append((signal.mark, trio.current_time()))
            assert [mark for mark, _ in reached] == [1, 2, 3]
            first, second, third = (at for _, at in reached)
            assert second - first == pytest.approx(0.5, abs=2 * FRAME + self.slack)
            assert third - second == pytest.approx(0.5, abs=FRAME + self.slack)

    async def test_a_flush_drops_sound_and_marks_without_a_signal(
        self, clock: Clock | None
    ) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.line.play(tone(2.0, far.line.rate_hz))
            far.line.mark(1)
            await trio.sleep(0.5)
            far.line.flush()
            await self.settle()
            heard = loud_seconds(far.heard(), far.line.rate_hz)
            assert 0 < heard <= 0.5 + FRAME + self.slack
            with trio.move_on_after(3.0):
                signal = await far.line.signal()
                raise AssertionError(f"a flushed line said {signal}")
            assert loud_seconds(far.heard(), far.line.rate_hz) == heard

    async def test_the_reply_after_a_flush_is_heard_from_its_beginning(
        self, clock: Clock | None
    ) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.line.play(tone(2.0, far.line.rate_hz))
            far.line.mark(1)
            far.line.flush()
            far.line.play(tone(0.5, far.line.rate_hz))
            far.line.mark(2)
            assert await far.line.signal() == MarkReached(2)
            assert loud_seconds(far.heard(), far.line.rate_hz) == pytest.approx(0.5, abs=FRAME)

    async def test_cancelling_signal_loses_no_signal(self, clock: Clock | None) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.line.play(tone(0.2, far.line.rate_hz))
            far.line.mark(1)
            with trio.move_on_after(0.1):
                await far.line.signal()
                raise AssertionError("a mark came before its sound")
            await trio.sleep(0.2 + self.slack)
            assert await far.line.signal() == MarkReached(1)

    async def test_hanging_up_twice_closes_once(self, clock: Clock | None) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.line.answer()
            far.line.hang_up()
            far.line.hang_up()
            assert await far.line.signal() == Closed()
            for _ in range(2):
                with pytest.raises(LineGone):
                    await far.line.signal()

    async def test_a_call_can_be_refused_before_it_is_answered(self, clock: Clock | None) -> None:
        async with self.phone() as far:
            far.line.hang_up()
            assert await far.line.signal() == Closed()

    async def test_a_callers_hangup_is_signalled_before_the_line_closes(
        self, clock: Clock | None
    ) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.hang_up()
            assert isinstance(await far.line.signal(), RemoteHungUp)
            assert await far.line.signal() == Closed()
            with pytest.raises(LineGone):
                await far.line.signal()

    async def test_the_line_closes_once_when_both_hang_up_together(
        self, clock: Clock | None
    ) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.hang_up()
            far.line.hang_up()
            signals = []
            with trio.fail_after(60), suppress(LineGone):
                while True:
                    signals.append(await far.line.signal())
            assert signals.count(Closed()) == 1
            assert signals[-1] == Closed()

    async def test_receive_audio_raises_line_gone_when_the_line_closes(
        self, clock: Clock | None
    ) -> None:
        async with self.phone() as far:
            far.line.answer()

            async def hear_to_the_end() -> None:
                with suppress(LineGone):
                    while True:
                        await far.line.receive_audio()

            with trio.fail_after(60):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(hear_to_the_end)
                    await self.settle()
                    far.line.hang_up()
            with pytest.raises(LineGone):
                await far.line.receive_audio()

    async def test_commands_to_a_closed_line_do_nothing(self, clock: Clock | None) -> None:
        async with self.phone() as far:
            far.line.answer()
            far.line.hang_up()
            far.line.play(tone(0.1, far.line.rate_hz))
            far.line.mark(1)
            far.line.flush()
            far.line.answer()
            await self.settle()
            assert await far.line.signal() == Closed()
            assert loud_seconds(far.heard(), far.line.rate_hz) == 0


class Keypad(FarEnd, Protocol):
    """A far end with keys: a telephone."""

    def press(self, digit: str) -> None: ...

    async def digits(self, count: int) -> str:
        """Return the first `count` keys that we pressed, as they arrive at the far end."""
        ...


class TelephoneLineContract(LineContract):
    """The contract of a line to a telephone, which can be transferred.

    `phone()` gives a `Keypad` as its far end."""

    #: A number that the line accepts for a transfer, and one that it refuses.
    allowed, forbidden = "100", "999"

    def telephone(self) -> AbstractAsyncContextManager[Keypad]:
        """Return `phone()`, typed with a `Keypad`."""
        raise NotImplementedError

    def phone(self) -> AbstractAsyncContextManager[FarEnd]:
        return self.telephone()

    async def test_keys_that_the_caller_presses_arrive_in_order(self, clock: Clock | None) -> None:
        async with self.telephone() as far:
            far.line.answer()
            for digit in "1#":
                far.press(digit)
            with trio.fail_after(60):
                arrived = [await far.line.signal() for _ in range(2)]
            assert arrived == [DigitPressed("1"), DigitPressed("#")]

    async def test_keys_that_we_send_arrive_at_the_far_end(self, clock: Clock | None) -> None:
        async with self.telephone() as far:
            far.line.answer()
            await self.settle()
            far.line.send_digits("42")
            with trio.fail_after(60):
                assert await far.digits(2) == "42"

    async def test_a_transfer_closes_our_line(self, clock: Clock | None) -> None:
        async with self.telephone() as far:
            far.line.answer()
            await self.settle()
            far.line.transfer(self.allowed)
            with trio.fail_after(60):
                assert await far.line.signal() == TransferDone()
                assert await far.line.signal() == Closed()
            far.line.hang_up()
            with pytest.raises(LineGone):
                await far.line.signal()

    async def test_a_refused_transfer_leaves_the_line_unchanged(self, clock: Clock | None) -> None:
        async with self.telephone() as far:
            far.line.answer()
            await self.settle()
            far.line.transfer(self.forbidden)
            with trio.fail_after(60):
                assert isinstance(await far.line.signal(), TransferRefused)
            far.say(tone(0.2, far.line.rate_hz))
            await hear_tone(far.line, 0.2)
