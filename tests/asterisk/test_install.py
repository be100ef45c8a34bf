"""The installation of Asterisk is complete, or fails with one line that says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.asterisk.install import AsteriskUnavailable, Installation, installed

pytestmark = pytest.mark.real


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "callchart-tests"


def test_a_failed_download_names_the_reason_and_leaves_no_files(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AsteriskUnavailable, match="needs apt-get, which is missing"):
        installed()
    assert [path.name for path in empty_cache.iterdir()] == ["asterisk.lock"]


def test_a_cache_path_that_is_a_file_fails_with_the_reason(empty_cache: Path) -> None:
    empty_cache.write_text("not a folder")
    with pytest.raises(AsteriskUnavailable, match="cannot be unpacked into"):
        installed()


def test_a_library_that_moved_is_named(asterisk_installed: Installation, tmp_path: Path) -> None:
    assert asterisk_installed.missing_libraries() == []
    broken = Installation(tmp_path / "broken")
    shutil.copytree(asterisk_installed.folder, broken.folder, symlinks=True)
    for library in broken.modules.parent.parent.rglob("libjansson.so*"):
        library.unlink()
    assert broken.missing_libraries() == ["libjansson.so.4"]
