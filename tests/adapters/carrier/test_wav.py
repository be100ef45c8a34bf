"""The contract of a line, kept by the WAV line, and its exact pace, drops, marks and recording."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import numpy as np
import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.carrier.wav import QUEUE_FRAMES, WavCarrier
from callchart.engine.ports import Closed, LineGone, MarkReached, RemoteHungUp, frame_bytes
from tests.adapters.carrier.person import Person, calling
from tests.contracts.line import FarEnd, LineContract

SIZE = frame_bytes(16000)


def frames(*values: int, rate_hz: int = 16000) -> bytes:
    """Return one frame for each value, in which all samples have that value."""
    return np.repeat(np.array(values, "<i2"), frame_bytes(rate_hz) // 2).tobytes()


def values(pcm: bytes | np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> list[int]:
    """Return the value of each frame: the inverse of `frames` at 16 kHz."""
    samples = np.frombuffer(pcm, "<i2") if isinstance(pcm, bytes) else pcm
    by_frame = samples.reshape(-1, SIZE // 2)
    assert (by_frame == by_frame[:, :1]).all()
    return [int(value) for value in by_frame[:, 0]]


class TestWavLine(LineContract):
    def phone(self) -> AbstractAsyncContextManager[FarEnd]:
        return calling(Person())


class TestWavLineAt8kHz(LineContract):
    def phone(self) -> AbstractAsyncContextManager[FarEnd]:
        return calling(Person(8000))


async def test_the_carrier_has_one_call(autojump_clock: MockClock) -> None:
    person = Person()
    async with trio.open_nursery() as nursery:
        carrier = WavCarrier(person.line, nursery)
        line = await carrier.accept()
        assert line.call_id == "test"
        with pytest.raises(LineGone, match="must be called once, got a second call"):
            await carrier.accept()
        line.hang_up()


async def test_a_line_that_is_cancelled_is_closed(autojump_clock: MockClock) -> None:
    person = Person()
    async with trio.open_nursery() as nursery:
        await WavCarrier(person.line, nursery).accept()
        nursery.cancel_scope.cancel()
    with trio.fail_after(60):
        assert await person.line.signal() == Closed()


async def test_closing_a_line_ends_its_task_immediately(autojump_clock: MockClock) -> None:
    began = trio.current_time()
    async with calling(Person()) as person:
        await trio.sleep(1.005)
        person.line.hang_up()
    assert trio.current_time() - began == pytest.approx(1.005, abs=1e-9)


async def test_frame_n_arrives_at_n_times_20_ms_for_minutes(autojump_clock: MockClock) -> None:
    async with calling(Person()) as person:
        began = trio.current_time()
        person.line.answer()
        late = 0.0
        for n in range(1, 6_001):
            assert len(await person.line.receive_audio()) == SIZE
            late = max(late, abs(trio.current_time() - began - n * 0.02))
        assert late < 1e-9


async def test_a_slow_reader_gets_all_pending_audio_together(
    autojump_clock: MockClock,
) -> None:
    async with calling(Person()) as person:
        person.line.answer()
        person.say(frames(1, 2, 3, 4, 5))
        await trio.sleep(0.05)
        assert values(await person.line.receive_audio()) == [1, 2]
        await trio.sleep(0.04)
        assert values(await person.line.receive_audio()) == [3, 4]


async def test_after_a_stall_the_missed_frames_follow_immediately_and_the_pace_is_unchanged(
    autojump_clock: MockClock,
) -> None:
    async with calling(Person()) as person:
        began = trio.current_time()
        person.line.answer()
        person.say(frames(*range(1, 31)))
        person.line.play(frames(*range(101, 131)))
        await trio.sleep(0.105)
        assert values(await person.line.receive_audio()) == [1, 2, 3, 4, 5]
        autojump_clock.jump(0.25)  # as if the process had been stopped
        heard: list[tuple[float, int]] = []
        while trio.current_time() < began + 0.37:
            now_heard = values(await person.line.receive_audio())
            heard += [(trio.current_time() - began, value) for value in now_heard]
        assert [value for _, value in heard] == list(range(6, 20))
        assert [at for at, _ in heard] == pytest.approx([0.355] * 12 + [0.36, 0.38])
        assert values(person.heard()) == [0, *range(101, 119)]


async def test_a_burst_is_heard_frame_by_frame_without_a_gap(autojump_clock: MockClock) -> None:
    async with calling(Person()) as person:
        person.line.answer()
        person.line.play(frames(*range(1, 151)))
        await trio.sleep(3.5)
        assert values(person.heard())[:152] == [0, *range(1, 151), 0]
        assert person.line.dropped_frames == 0


async def test_a_full_queue_drops_and_counts_the_excess(
    autojump_clock: MockClock,
) -> None:
    async with calling(Person()) as person:
        person.line.answer()
        person.line.play(frames(*range(1, QUEUE_FRAMES)))
        person.line.play(frames(*range(QUEUE_FRAMES, QUEUE_FRAMES + 4)))
        person.line.play(frames(9999))
        person.line.mark(1)
        assert person.line.dropped_frames == 4
        assert await person.line.signal() == MarkReached(1)
        assert values(person.heard()) == list(range(QUEUE_FRAMES + 1))
        person.line.play(frames(7))
        await trio.sleep(0.1)
        assert person.line.dropped_frames == 4
        assert 7 in values(person.heard())


async def test_a_partial_frame_is_refused_and_not_heard(
    autojump_clock: MockClock,
) -> None:
    async with calling(Person()) as person:
        person.line.answer()
        with pytest.raises(ValueError, match="whole frames of 640 bytes, got 641 bytes"):
            person.line.play(bytes([1]) * 641)
        await trio.sleep(0.1)
        assert set(person.heard()) == {0}


async def test_a_mark_is_not_reached_while_its_last_frame_is_on_the_air(
    autojump_clock: MockClock,
) -> None:
    async with calling(Person()) as person:
        began = trio.current_time()
        person.line.answer()
        person.line.play(frames(1, 2, 3))
        person.line.mark(5)
        assert await person.line.signal() == MarkReached(5)
        # The frames are on the air from 0.02 to 0.08.
        assert trio.current_time() == pytest.approx(began + 0.08)
        assert values(person.heard()) == [0, 1, 2, 3]


async def test_marks_wait_for_the_answer(
    autojump_clock: MockClock,
) -> None:
    async with calling(Person()) as person:
        began = trio.current_time()
        person.line.mark(1)
        person.line.play(frames(1))
        person.line.mark(2)
        await trio.sleep(0.99)
        person.line.answer()
        assert [await person.line.signal() for _ in range(2)] == [MarkReached(1), MarkReached(2)]
        assert trio.current_time() == pytest.approx(began + 1.02)


async def test_only_the_frame_on_the_air_is_heard_after_a_flush(autojump_clock: MockClock) -> None:
    async with calling(Person()) as person:
        person.line.answer()
        person.line.play(frames(*range(1, 101)))
        person.line.mark(1)
        await trio.sleep(0.105)
        assert values(person.heard()) == [0, 1, 2, 3, 4]
        person.line.flush()
        person.line.play(frames(201, 202))
        person.line.mark(2)
        assert await person.line.signal() == MarkReached(2)
        assert values(person.heard()) == [0, 1, 2, 3, 4, 5, 201, 202]


async def test_a_mark_after_a_flush_waits_for_the_frame_on_the_air(
    autojump_clock: MockClock,
) -> None:
    async with calling(Person()) as person:
        person.line.answer()
        person.line.play(frames(1, 2, 3))
        await trio.sleep(0.03)
        person.line.flush()
        person.line.mark(1)
        assert await person.line.signal() == MarkReached(1)
        assert values(person.heard()) == [0, 1]


async def test_the_recording_holds_both_sides_at_the_same_moments(
    autojump_clock: MockClock,
) -> None:
    async with calling(Person()) as person:
        await trio.sleep(0.05)  # two frames before the answer
        person.line.answer()
        person.say(frames(11, 12, 13, 14, 15))
        person.line.play(frames(21, 22))
        await trio.sleep(0.1)
        recording = person.line.recording
        assert recording.rate_hz == 16000
        assert values(recording.caller) == [0, 0, 11, 12, 13, 14, 15]
        assert values(recording.agent) == [0, 0, 0, 21, 22, 0, 0]


async def test_the_recording_ends_with_the_call(autojump_clock: MockClock) -> None:
    async with calling(Person()) as person:
        person.line.answer()
        await trio.sleep(0.105)
        person.hang_up()
        assert await person.line.signal() == RemoteHungUp("normal")
        await trio.sleep(1.0)
        assert len(person.line.recording.caller) == len(person.line.recording.agent) == 5 * 320


async def test_a_caller_hangs_up_if_the_call_is_not_answered(autojump_clock: MockClock) -> None:
    async with calling(Person()) as person:
        began = trio.current_time()
        assert await person.line.signal() == RemoteHungUp("no answer")
        assert trio.current_time() - began == pytest.approx(30.02)
        assert await person.line.signal() == Closed()


async def test_signals_before_the_end_are_delivered(
    autojump_clock: MockClock,
) -> None:
    async with calling(Person()) as person:
        person.line.answer()
        person.line.play(frames(1))
        person.line.mark(1)
        person.line.play(frames(2))
        person.line.mark(2)
        await trio.sleep(0.05)
        person.line.hang_up()
        assert [await person.line.signal() for _ in range(2)] == [MarkReached(1), Closed()]


async def test_a_closed_line_counts_no_dropped_frames(autojump_clock: MockClock) -> None:
    async with calling(Person()) as person:
        person.line.answer()
        person.line.hang_up()
        person.line.play(bytes(SIZE * (QUEUE_FRAMES + 1)))
        assert person.line.dropped_frames == 0
