"""The doctor's checks of this machine: folders, ports, the clock."""

from __future__ import annotations

import errno
import socket
import stat
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from callchart.adapters.service.config import Config
from callchart.adapters.service.doctor.finding import Finding, failed, ok, unknown

#: A clock that is before this date is wrong.
OLDEST = datetime(2026, 1, 1, tzinfo=UTC)


def machine_findings(config: Config) -> Iterable[Finding]:
    """Yield the findings that need no other machine."""
    yield configuration(config)
    if config.journal is not None:
        yield folder("journal folder", config.journal.folder, "journal.folder")
    if config.asterisk.record is not None:
        yield folder("recordings folder", config.asterisk.record, "asterisk.record")
    if config.asterisk.media == "files" and (files := config.asterisk.files):
        yield folder("shared folder", files.ours, "asterisk.files.ours")
    if (cache := config.speech.cache) is not None:
        yield folder("cache folder", cache.folder, "speech.cache")
    yield clock(datetime.now(UTC))


def configuration(config: Config) -> Finding:
    """Check that other users cannot read a file with secrets."""
    part = "configuration"
    mode = stat.S_IMODE(config.path.stat().st_mode)
    if mode & 0o004 and config.has_secrets:
        return failed(
            part,
            f"{config.path} holds secrets, and everybody may read it",
            f'chmod o= {config.path}, or write {{ env = "NAME" }} in place of the secrets',
        )
    return ok(part, f"{config.path} is whole")


def folder(part: str, path: Path, key: str) -> Finding:
    """Check that the folder is writable, or that it can be created."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return failed(
            part,
            f"{path}: {error.strerror}",
            f"let this user write there, or name another folder in {key}",
        )
    return ok(part, f"{path} {'is writable' if place == path else 'can be made'}")


def port(part: str, host: str, number: int, key: str) -> Finding:
    """Check that the port is free."""
    try:
        with socket.create_server((host, number)):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return unknown(
                part,
                f"{host}:{number} is in use",
                f"fine where the service is running; else choose another {key}",
            )
        why = error.strerror or str(error)
        return failed(
            part, f"{host}:{number}: {why}", f"choose an address of this machine in {key}"
        )
    return ok(part, f"{host}:{number} can be listened on")


def clock(now: datetime) -> Finding:
    """Check the clock, on which certificates and the names of journals depend."""
    part = "clock"
    if now < OLDEST:
        return failed(part, f"it says {now:%Y-%m-%d}", "set the clock, and keep it with NTP")
    return ok(part, f"{now:%Y-%m-%d %H:%M:%S} UTC")
