"""Sounds on disk: their content, the removal of old sounds, and a broken disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from callchart.adapters.tts.sound_files import KeptSound, SoundFolder

SOUND = KeptSound(b"\1\2" * 500, ((0.0, 0.25), (0.25, 0.5)))
A, B, C = ("abc"[n] * 64 for n in range(3))


@pytest.fixture
def folder(tmp_path: Path) -> SoundFolder:
    return SoundFolder(tmp_path / "sounds", 10_000)


@pytest.fixture
def files(folder: SoundFolder, tmp_path: Path) -> Path:
    """The folder, with one sound in it."""
    folder.write(A, SOUND)
    return tmp_path / "sounds"


def names(files: Path) -> list[str]:
    return sorted(path.name for path in files.iterdir())


def set_used_at(files: Path, name: str, at: float) -> None:
    os.utime(files / f"{name}.sound", (at, at))


@pytest.mark.parametrize("sound", [SOUND, KeptSound(b"", ()), KeptSound(b"\0\0", ())])
def test_a_written_sound_is_read_unchanged(folder: SoundFolder, sound: KeptSound) -> None:
    folder.write(A, sound)
    assert folder.read(A) == sound


def test_an_unknown_name_reads_as_none(
    folder: SoundFolder, caplog: pytest.LogCaptureFixture
) -> None:
    assert folder.read(A) is None
    assert caplog.messages == []


def test_only_the_owner_can_read_the_files(files: Path) -> None:
    assert stat.S_IMODE(files.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in files.iterdir()] == [0o600]


def test_a_write_leaves_no_temporary_file(files: Path) -> None:
    assert names(files) == [f"{A}.sound"]


# --- room ----------------------------------------------------------------------------------------


def test_the_least_recently_used_sound_is_removed(tmp_path: Path) -> None:
    folder = SoundFolder(tmp_path, 2500)
    for name, at in ((A, 1000.0), (B, 2000.0)):
        folder.write(name, SOUND)
        set_used_at(tmp_path, name, at)
    folder.read(A)
    folder.write(C, SOUND)
    assert folder.read(B) is None
    assert folder.read(A) == folder.read(C) == SOUND


def test_foreign_files_are_not_counted_and_stay(files: Path, folder: SoundFolder) -> None:
    (files / "letter.txt").write_bytes(bytes(20_000))
    (files / "film.part").write_bytes(bytes(20_000))
    os.utime(files / "film.part", (1000.0, 1000.0))
    folder.write(B, SOUND)
    assert names(files) == [f"{A}.sound", f"{B}.sound", "film.part", "letter.txt"]


def test_old_unfinished_files_are_removed(files: Path, folder: SoundFolder) -> None:
    for name in ("callchart-old.part", "callchart-new.part"):
        (files / name).write_bytes(b"")
    os.utime(files / "callchart-old.part", (1000.0, 1000.0))
    folder.write(B, SOUND)
    assert names(files) == [f"{A}.sound", f"{B}.sound", "callchart-new.part"]


# --- broken files --------------------------------------------------------------------------------


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut in its head": lambda whole: whole[:30],
    "cut in its sound": lambda whole: whole[:-2],
    "longer": lambda whole: whole + b"\0\0",
    "another bit": lambda whole: whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
    "foreign": lambda whole: b"RIFF" + bytes(100),
    "too large": lambda whole: whole + bytes(10_000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_removed_and_logged_once(
    files: Path, folder: SoundFolder, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = (files / f"{A}.sound").read_bytes()
    for name in (A, B):
        (files / f"{name}.sound").write_bytes(DAMAGES[damage](whole))
        assert folder.read(name) is None
    assert names(files) == []
    assert caplog.messages == [
        f"sound cache in {files}: removed a damaged file; "
        "its text is synthesised again; calls go on"
    ]


def test_a_renamed_file_is_rejected(files: Path, folder: SoundFolder) -> None:
    (files / f"{A}.sound").rename(files / f"{B}.sound")
    assert folder.read(B) is None


# --- a broken disk -------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    folder = SoundFolder(tmp_path / "file" / "sounds", 10_000)
    for name in (A, B):
        folder.write(name, SOUND)
    assert caplog.messages == [
        f"sound cache in {tmp_path / 'file' / 'sounds'}: cannot write a sound: "
        "Not a directory; check the folder's disk; calls go on"
    ]


def test_a_full_disk_leaves_no_partial_file(
    files: Path,
    folder: SoundFolder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    for _ in range(2):
        folder.write(B, SOUND)
    assert names(files) == [f"{A}.sound"]
    assert folder.read(B) is None
    assert [message.count("No space left on device") for message in caplog.messages] == [1]


def test_an_unreadable_sound_is_logged_once(
    files: Path, folder: SoundFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (files / f"{B}.sound").mkdir()
    for _ in range(2):
        assert folder.read(B) is None
    assert len(caplog.messages) == 1
    assert "cannot read a sound: Is a directory" in caplog.messages[0]


def test_a_sound_on_a_read_only_disk_is_read(
    files: Path, folder: SoundFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*arguments: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", read_only)
    assert folder.read(A) == SOUND
