"""The doctor's checks of this machine."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callchart.adapters.service.config import Config, read_config
from callchart.adapters.service.doctor import machine
from callchart.adapters.service.doctor.finding import Verdict

PASSWORD = "s3same"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "callchart.toml"
    path.write_text(
        f'[asterisk]\nuser = "bot"\npassword = "{PASSWORD}"\nrecord = "recordings"\n'
        'media = "files"\n[asterisk.files]\nours = "shared"\nasterisk = "/mnt/shared"\n'
        f'[model]\nname = "m"\nkey = "{PASSWORD}"\n[journal]\nfolder = "journals"\n'
        '[speech]\ncache = "sounds"\n'
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def config(path: Path) -> Config:
    return read_config(path)


def test_all_parts_of_the_machine_are_checked(config: Config) -> None:
    findings = [*machine.machine_findings(config)]
    assert [(finding.part, finding.verdict) for finding in findings] == [
        ("configuration", Verdict.OK),
        ("journal folder", Verdict.OK),
        ("recordings folder", Verdict.OK),
        ("shared folder", Verdict.OK),
        ("cache folder", Verdict.OK),
        ("clock", Verdict.OK),
    ]
    assert not any(PASSWORD in str(finding) for finding in findings)


def test_secrets_that_every_user_may_read_fail(config: Config, path: Path) -> None:
    path.chmod(0o644)
    finding = machine.configuration(config)
    assert finding.verdict is Verdict.FAILED
    assert f"run chmod o= {path}" in finding.cure


def test_a_file_without_secrets_may_be_readable_for_every_user(path: Path) -> None:
    path.write_text(path.read_text().replace(f'"{PASSWORD}"', '{ env = "PASSWORD" }'))
    path.chmod(0o644)
    config = read_config(path, {"PASSWORD": PASSWORD})
    assert machine.configuration(config).verdict is Verdict.OK


def test_a_folder_is_checked_by_writing(tmp_path: Path) -> None:
    finding = machine.folder("folder", tmp_path, "journal.folder")
    assert (finding.verdict, finding.what) == (Verdict.OK, f"folder writable: {tmp_path}")
    assert [*tmp_path.iterdir()] == []


def test_a_missing_folder_is_not_created(tmp_path: Path) -> None:
    finding = machine.folder("folder", tmp_path / "a" / "b", "journal.folder")
    assert finding.verdict is Verdict.OK
    assert finding.what == f"folder not there yet, can be created: {tmp_path / 'a' / 'b'}"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("path", ["/proc/journals", "/proc", "/dev/null"])
def test_a_folder_that_is_not_writable_fails(path: str) -> None:
    finding = machine.folder("folder", Path(path), "journal.folder")
    assert finding.verdict is Verdict.FAILED
    assert finding.what.startswith(f"folder not writable: {path}: ")
    assert "journal.folder" in finding.cure


def test_a_port_is_checked_by_listening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        finding = machine.port("port", "127.0.0.1", number, "asterisk.listen")
        assert finding.verdict is Verdict.UNKNOWN
        assert finding.cure.endswith("otherwise choose another asterisk.listen.port")
    assert machine.port("port", "127.0.0.1", number, "p").verdict is Verdict.OK


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_of_another_machine_fails(host: str) -> None:
    finding = machine.port("port", host, 8090, "asterisk.listen")
    assert finding.verdict is Verdict.FAILED
    assert finding.what.startswith(f"port not usable: {host}:8090: ")
    assert "asterisk.listen.host" in finding.cure


@pytest.mark.parametrize(("year", "verdict"), [(1970, Verdict.FAILED), (2026, Verdict.OK)])
def test_a_clock_that_was_never_set_fails(year: int, verdict: Verdict) -> None:
    assert machine.clock(datetime(year, 6, 1, tzinfo=UTC)).verdict is verdict
