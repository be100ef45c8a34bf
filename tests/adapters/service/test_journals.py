"""The folder of journals: permissions, names, and the removal of old files."""

from __future__ import annotations

import logging
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.service.run.journals import JournalFolder
from callchart.adapters.service.sections.service import JournalConfig
from callchart.adapters.service.user_code import UserError

NOON = datetime(2026, 11, 24, 12, 0, 0, 250_000, UTC)


class Calendar:
    """A wall clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def journals(tmp_path: Path, calendar: Calendar) -> JournalFolder:
    return JournalFolder(JournalConfig(tmp_path / "deep" / "journals", keep_days=2), calendar)


@pytest.fixture
def folder(journals: JournalFolder, tmp_path: Path) -> Path:
    return tmp_path / "deep" / "journals"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def leave(journals: JournalFolder, call_id: str) -> None:
    journal = journals.open(call_id)
    assert journal is not None
    journal.close()


def test_each_call_has_a_file_that_only_its_owner_can_read(
    journals: JournalFolder, folder: Path
) -> None:
    journal = journals.open("callchart-1")
    assert journal is not None
    journal.write({"n": 0})
    journal.close()
    (path,) = folder.iterdir()
    assert path.name == "20261124T120000.250000Z-callchart-1.jsonl"
    assert path.read_text() == '{"n":0}\n'
    assert (mode(path), mode(folder)) == (0o600, 0o700)


def test_a_folder_that_cannot_be_created_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "journals"
    with pytest.raises(UserError) as refused:
        JournalFolder(JournalConfig(folder))
    assert refused.value.lines == (
        f"journal.folder must be a writable folder, got {folder}: Not a directory; allow this user "
        "to write there, or set another folder",
    )


def test_a_journal_that_cannot_be_opened_does_not_stop_the_call(
    journals: JournalFolder, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.rmdir()
    assert journals.open("one") is None
    (message,) = caplog.messages
    assert message.endswith("-one.jsonl: No such file or directory; the call continues without one")


def test_only_journals_older_than_keep_days_are_removed(
    journals: JournalFolder, folder: Path, calendar: Calendar, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    leave(journals, "old-1")
    calendar.now += timedelta(seconds=1)
    leave(journals, "new-1")
    for other in ("my-notes.jsonl", "20260101T000000.000000Z-x.wav"):
        (folder / other).touch()
    calendar.now = NOON + timedelta(days=2, microseconds=1)
    journals.remove_old()
    assert sorted(path.name for path in folder.iterdir()) == [
        "20260101T000000.000000Z-x.wav",
        "20261124T120001.250000Z-new-1.jsonl",
        "my-notes.jsonl",
    ]
    assert caplog.messages == ["journals removed: 1, older than 2 days"]


def test_a_journal_that_cannot_be_removed_is_logged(
    journals: JournalFolder, folder: Path, calendar: Calendar, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "20260101T000000.000000Z-folder.jsonl").mkdir()
    journals.remove_old()
    (message,) = caplog.messages
    assert message.startswith("journal not removed: ")
    assert "-folder.jsonl: " in message


async def test_the_folder_is_swept_every_hour(tmp_path: Path, autojump_clock: MockClock) -> None:
    swept, thrice = list[float](), trio.Event()

    def note() -> None:
        swept.append(trio.current_time())
        if len(swept) == 3:
            thrice.set()

    class Watched(JournalFolder):
        def remove_old(self) -> None:
            trio.from_thread.run_sync(note)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Watched(JournalConfig(tmp_path)).sweep)
        await thrice.wait()
        nursery.cancel_scope.cancel()

    assert swept == [0, 3600, 7200]
