"""Audio by files: with a real Asterisk, with right and with wrong folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from callchart.adapters.carrier.asterisk.media import files as files_module
from callchart.adapters.carrier.asterisk.media.files import FilesMedia, FilesTransport
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.media.recording_pipe import RecordingPipe
from callchart.adapters.carrier.asterisk.settings import FilesSettings
from tests.adapters.carrier.asterisk.media.media_call import (
    controlled,
    media_call,
    wait_until_removed,
)
from tests.adapters.carrier.asterisk.media.media_contract import Exchange, MediaContract, hear
from tests.adapters.carrier.asterisk.scripted import ScriptedControl
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.server import Asterisk
from tests.contracts.line import tone

pytestmark = pytest.mark.real

RATE = 16000


def files(asterisk: Asterisk) -> FilesSettings:
    return FilesSettings(ours=asterisk.recordings, asterisk=str(asterisk.recordings))


def list_of(folder: Path) -> list[str]:
    """Return the names of the folder's files."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def check_folder_is_empty(asterisk: Asterisk) -> Iterator[None]:
    yield
    assert list_of(asterisk.recordings) == []


@pytest.fixture
def transport(asterisk: Asterisk) -> FilesTransport:
    return FilesTransport(files(asterisk), RATE)


class TestFiles(MediaContract):
    delay_s = 0.25

    @pytest.fixture
    def exchange(self, asterisk: Asterisk, transport: FilesTransport) -> Exchange:
        return Exchange(asterisk, transport)


async def test_at_8_khz_both_sides_are_heard(asterisk: Asterisk) -> None:
    async with media_call(asterisk, FilesTransport(files(asterisk), 8000)) as call:
        call.media.play(tone(0.4, 8000))
        call.media.mark(1)
        call.phone.say(tone(0.4, call.phone.rate_hz))
        await hear(call, 0.4)
        with trio.fail_after(60):
            await call.until_reached(1)
            await call.phone.until_silent(for_seconds=0.1)
        assert len(call.phone.ear.loud()) == pytest.approx(20, abs=1)


async def test_pieces_are_heard_without_a_gap(
    asterisk: Asterisk, transport: FilesTransport
) -> None:
    async with media_call(asterisk, transport) as call:
        # As the engine does: play more when half of the backlog was heard.
        call.media.play(tone(0.4, RATE))
        for mark in range(1, 6):
            call.media.play(tone(0.2, RATE))
            call.media.mark(mark)
            with trio.fail_after(60):
                if mark > 1:
                    await call.until_reached(mark - 1)
        with trio.fail_after(60):
            await call.until_reached(5)
            await call.phone.until_silent(for_seconds=0.1)
        loud = call.phone.ear.loud()
        assert len(loud) == pytest.approx(70, abs=1)
        assert loud[-1] - loud[0] == pytest.approx(1.38, abs=0.1)


async def test_a_file_is_deleted_after_it_was_heard(
    asterisk: Asterisk, transport: FilesTransport
) -> None:
    def played() -> list[Path]:
        return list(asterisk.recordings.glob("*.p*"))

    async with media_call(asterisk, transport) as call:
        call.media.play(tone(0.2, RATE))
        call.media.mark(1)
        with trio.fail_after(60):
            await call.phone.until_loud()
            assert len(played()) == 1
            await call.until_reached(1)
            while played():  # noqa: ASYNC110 (a folder)
                await trio.sleep(0.01)


async def test_a_hangup_of_the_caller_is_not_a_failure(
    asterisk: Asterisk, transport: FilesTransport, caplog: pytest.LogCaptureFixture
) -> None:
    async with media_call(asterisk, transport) as call:
        call.media.play(tone(5.0, RATE))
        with trio.fail_after(60):
            await call.phone.until_loud()
            call.phone.hang_up()
            await call.media.closed()
    assert caplog.text == ""


async def test_the_end_of_the_snoop_channel_closes_the_media_and_is_logged(
    asterisk: Asterisk, transport: FilesTransport, caplog: pytest.LogCaptureFixture
) -> None:
    async with media_call(asterisk, transport) as call:
        await asterisk.ari("DELETE", f"channels/{call.id}.snoop")
        with trio.fail_after(60):
            await call.media.closed()
    assert "Asterisk stopped recording the caller" in caplog.text


async def test_a_folder_that_is_not_asterisks_fails_with_reason_and_cure(
    asterisk: Asterisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "RECORD_SECONDS", 0.2)
    transport = FilesTransport(
        FilesSettings(ours=tmp_path, asterisk=str(asterisk.recordings)), RATE
    )
    reason = f"did not record into {tmp_path} within 0.2 s"
    with pytest.RaisesGroup(pytest.RaisesExc(MediaFailed, match=reason), flatten_subgroups=True):
        async with media_call(asterisk, transport):
            pass
    assert list_of(tmp_path) == []


async def test_a_wrong_path_for_asterisk_fails_with_reason_and_cure(
    asterisk: Asterisk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transport = FilesTransport(
        FilesSettings(ours=asterisk.recordings, asterisk=str(tmp_path)), RATE
    )
    async with media_call(asterisk, transport) as call:
        call.media.play(tone(1.0, RATE))
        with trio.fail_after(60):
            await call.media.closed()
    assert f"check that its folder of recordings is {tmp_path}" in caplog.text


async def test_a_missing_folder_fails_before_any_channel_is_created(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    nowhere = FilesTransport(FilesSettings(ours=tmp_path / "nowhere", asterisk="/nowhere"), RATE)
    with pytest.raises(MediaFailed, match=r"nowhere cannot be used: No such file"):
        nowhere.clear("c-")
    reason = "cannot be used: No such file"
    with pytest.RaisesGroup(pytest.RaisesExc(MediaFailed, match=reason), flatten_subgroups=True):
        async with media_call(asterisk, nowhere):
            pass
    await wait_until_removed(asterisk)


async def test_a_full_disk_during_a_call_closes_the_media_and_is_logged(
    asterisk: Asterisk,
    transport: FilesTransport,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(path: Path, pcm: bytes) -> None:
        raise OSError(28, "No space left on device")

    async with media_call(asterisk, transport) as call:
        monkeypatch.setattr(files_module, "_write", full)
        call.media.play(tone(1.0, RATE))
        with trio.fail_after(60):
            await call.media.closed()
    assert f"cannot write to {asterisk.recordings}: No space left on device" in caplog.text


def test_only_files_of_our_crashed_calls_are_removed(tmp_path: Path) -> None:
    left = ["c-1.p1.sln16", "c-2.p17.sln", "c-1.rec.sln96"]
    others = ["d-1.p1.sln16", "c-1.wav", "c-notes.txt", "cc-1.p1.sln", "c-1.rec.sln96.old"]
    for name in left + others:
        (tmp_path / name).touch()
    FilesTransport(FilesSettings(ours=tmp_path, asterisk="/there"), RATE).clear("c-")
    assert {path.name for path in tmp_path.iterdir()} == set(others)


async def test_playback_in_progress_is_dropped_when_control_is_lost(
    start_asterisk: StartAsterisk,
) -> None:
    async with start_asterisk() as asterisk, controlled(asterisk) as control:
        transport = FilesTransport(files(asterisk), RATE)
        async with media_call(asterisk, transport, control=control) as call:
            link = control.link(asterisk.app)
            call.media.play(tone(5.0, RATE))
            call.media.mark(1)
            with trio.fail_after(60):
                await call.phone.until_loud()
                ari_transport = link._transport
                assert ari_transport is not None
                lost = trio.current_time()
                link.mark_down(ari_transport, "the test")
                # Asterisk still plays the 4 KiB that it has read.
                silent = await call.phone.until_silent(for_seconds=0.3)
                assert silent - lost < 0.13 + 0.1
                call.media.play(tone(5.0, RATE))
                call.media.mark(2)
                link.mark_up(ari_transport)
                await trio.testing.wait_all_tasks_blocked()
                call.media.play(tone(0.2, RATE))
                call.media.mark(3)
                await call.until_reached(3)
            assert [mark for mark, _ in call.reached] == [3]
        assert list_of(asterisk.recordings) == []


async def test_a_call_that_ends_while_control_is_lost_leaves_no_files(tmp_path: Path) -> None:
    control = ScriptedControl()
    recording = tmp_path / "c.rec.sln96"
    pipe = RecordingPipe(recording, RATE)
    asterisks = os.open(recording, os.O_WRONLY)
    transport = FilesTransport(FilesSettings(ours=tmp_path, asterisk="/there"), RATE)
    media = FilesMedia(transport, control.link, "c", "1", pipe, control.marks.append)
    with control.link.listen("1") as events:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(media.run, events)
            for _ in range(2):
                media.play(tone(1.0, RATE))
                await trio.testing.wait_all_tasks_blocked()
            assert list_of(tmp_path) == ["c.p1.sln16", "c.p2.sln16", recording.name]
            control.link.mark_down(control, "the test")
            nursery.cancel_scope.cancel()
    assert list_of(tmp_path) == [recording.name]
    pipe.close()
    os.close(asterisks)
