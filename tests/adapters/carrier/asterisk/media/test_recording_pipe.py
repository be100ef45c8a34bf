"""The pipe into which Asterisk records. Here the test writes into it."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import trio

from callchart.adapters.carrier.asterisk.media.recording_pipe import RECORDED_HZ, RecordingPipe
from tests.contracts.line import tone

pytestmark = pytest.mark.real


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c-1.rec.sln96"


@pytest.fixture
def pipe(path: Path) -> Iterator[RecordingPipe]:
    made = RecordingPipe(path, 16000)
    yield made
    made.close()
    assert not path.exists()


def recorded(pcm: bytes, rate_hz: int) -> bytes:
    """Return the audio at 96 kHz, as Asterisk records it."""
    return np.frombuffer(pcm, "<i2").repeat(RECORDED_HZ // rate_hz).tobytes()


async def everything(pipe: RecordingPipe) -> bytes:
    pcm = b""
    with trio.fail_after(60):
        while piece := await pipe.read():
            pcm += piece
    return pcm


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("size", [7, 4096, 32768])
async def test_audio_is_read_in_pieces_of_any_length(path: Path, rate_hz: int, size: int) -> None:
    said = tone(0.1, rate_hz)
    wire = recorded(said, rate_hz)
    heard: list[bytes] = []
    pipe = RecordingPipe(path, rate_hz)

    async def listen() -> None:
        heard.append(await everything(pipe))

    try:
        async with trio.open_nursery() as nursery:
            with path.open("wb", buffering=0) as file:
                nursery.start_soon(listen)
                for at in range(0, len(wire), size):
                    await trio.lowlevel.checkpoint()
                    file.write(wire[at : at + size])
    finally:
        pipe.close()
    assert heard == [said]


async def test_owner_and_group_can_use_the_pipe_with_any_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        pipe = RecordingPipe(tmp_path / "r", 16000)
    finally:
        os.umask(before)
    mode = (tmp_path / "r").stat().st_mode
    pipe.close()
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o660


async def test_the_pipe_is_opened_when_a_writer_opens_it(pipe: RecordingPipe, path: Path) -> None:
    with trio.move_on_after(0.05) as waiting:
        await pipe.opened()
    assert waiting.cancelled_caught
    with path.open("wb", buffering=0) as file, trio.fail_after(60):
        await pipe.opened()
        file.write(recorded(tone(0.02, 16000), 16000))
        await pipe.opened()
    assert await everything(pipe) == tone(0.02, 16000)


async def test_a_recording_that_ends_before_opened_returns_is_read(
    pipe: RecordingPipe, path: Path
) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(recorded(tone(0.02, 16000), 16000))
    with trio.fail_after(60):
        await pipe.opened()
    assert await everything(pipe) == tone(0.02, 16000)


async def test_a_cancelled_read_loses_no_audio(pipe: RecordingPipe, path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(b"\1")
        with trio.move_on_after(0.01) as waiting:
            await pipe.read()
        assert waiting.cancelled_caught
        file.write(recorded(tone(0.02, 16000), 16000)[:-1])
    assert len(await everything(pipe)) == 640


def test_a_missing_folder_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RecordingPipe(tmp_path / "nowhere" / "r", 16000)


def test_a_pipe_that_cannot_be_opened_is_deleted(path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            RecordingPipe(path, 16000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not path.exists()
