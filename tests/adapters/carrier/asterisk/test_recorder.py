"""The recording of a call holds both legs, as they were heard at each moment."""

from __future__ import annotations

import logging
import resource
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import trio
from numpy.typing import NDArray
from trio.testing import MockClock

from callchart.adapters.carrier.asterisk.recorder import CallRecorder

RATE_HZ = 8000
FRAME = 160


def frames(value: int, count: int) -> bytes:
    """Return `count` frames in which every sample is `value`."""
    return np.full(count * FRAME, value, "<i2").tobytes()


async def hear(recorder: CallRecorder, value: int, count: int) -> None:
    """Record `count` frames of the caller, one every 20 ms."""
    for _ in range(count):
        await trio.sleep(0.02)
        recorder.record_caller(frames(value, 1))


def legs(path: Path) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE_HZ)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


def stretches(leg: NDArray[np.int16]) -> list[tuple[int, int]]:
    """Return the runs of one value, as (value, frames)."""
    cuts = np.flatnonzero(np.diff(leg)) + 1
    runs = np.split(leg, cuts)
    assert all(len(run) % FRAME == 0 for run in runs)
    return [(int(run[0]), len(run) // FRAME) for run in runs if len(run)]


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 4 KB: the system refuses further writes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def recorder(tmp_path: Path) -> CallRecorder:
    return CallRecorder(tmp_path / "call.wav", RATE_HZ)


async def test_both_legs_are_recorded_at_the_same_moments(
    recorder: CallRecorder, autojump_clock: MockClock
) -> None:
    recorder.start()
    recorder.record_agent(frames(7, 10))
    await hear(recorder, 0, 100)
    recorder.record_agent(frames(8, 5))
    await hear(recorder, 3, 20)
    recorder.close()

    caller, agent = legs(recorder.path)
    assert stretches(caller) == [(0, 100), (3, 20)]
    assert stretches(agent) == [(7, 10), (0, 90), (8, 5), (0, 15)]


async def test_flushed_audio_is_not_in_the_recording(
    recorder: CallRecorder, autojump_clock: MockClock
) -> None:
    recorder.start()
    recorder.record_agent(frames(7, 50))
    recorder.record_agent(frames(7, 50))
    await hear(recorder, 1, 20)
    recorder.flush()
    await hear(recorder, 1, 10)
    recorder.record_agent(frames(9, 10))
    await hear(recorder, 1, 70)
    recorder.close()

    _, agent = legs(recorder.path)
    assert stretches(agent) == [(7, 20), (0, 10), (9, 10), (0, 60)]


async def test_a_gap_of_the_network_is_silence_and_jitter_is_not(
    recorder: CallRecorder, autojump_clock: MockClock
) -> None:
    recorder.start()
    await hear(recorder, 1, 10)
    await trio.sleep(0.04)
    await hear(recorder, 2, 10)
    await trio.sleep(1.0)
    await hear(recorder, 3, 10)
    recorder.close()

    caller, _ = legs(recorder.path)
    assert stretches(caller) == [(1, 10), (2, 10), (0, 52), (3, 10)]


async def test_audio_queued_at_the_end_is_not_in_the_recording(
    recorder: CallRecorder, autojump_clock: MockClock
) -> None:
    recorder.start()
    recorder.record_agent(frames(7, 100))
    await hear(recorder, 1, 30)
    recorder.close()
    recorder.close()

    caller, agent = legs(recorder.path)
    assert (stretches(caller), stretches(agent)) == ([(1, 30)], [(7, 30)])


async def test_only_its_owner_can_read_it(
    recorder: CallRecorder, autojump_clock: MockClock
) -> None:
    recorder.close()
    assert recorder.path.stat().st_mode & 0o777 == 0o600


async def test_a_recording_never_replaces_a_file(
    recorder: CallRecorder, autojump_clock: MockClock
) -> None:
    with pytest.raises(FileExistsError):
        CallRecorder(recorder.path, RATE_HZ)
    recorder.close()


async def test_a_full_disk_is_logged_once_and_the_call_continues(
    tmp_path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "call.wav"
    recorder = CallRecorder(path, RATE_HZ)
    with caplog.at_level(logging.ERROR), full_disk():
        recorder.start()
        await hear(recorder, 1, 150)
        recorder.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"recording {path} ended, the call continues: File too large"
    ]
