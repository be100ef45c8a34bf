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

#: A clock that shows an earlier date is wrong.
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


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
            f"file not protected: every user may read the secrets in {config.path}",
            f'run chmod o= {config.path}, or write {{ env = "NAME" }} in place of the secrets',
        )
    return ok(part, f"file valid: {config.path}")


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
            f"folder not writable: {path}: {error.strerror}",
            f"allow this user to write there, or set another folder in {key}",
        )
    state = "writable" if place == path else "not there yet, can be created"
    return ok(part, f"folder {state}: {path}")


def port(part: str, host: str, number: int, section: str) -> Finding:
    """Check that a port is free. `section` of the configuration sets it."""
    try:
        with socket.create_server((host, number)):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return unknown(
                part,
                f"port in use: {host}:{number}",
                f"ignore this while the service runs; otherwise choose another {section}.port",
            )
        why = error.strerror or str(error)
        return failed(
            part,
            f"port not usable: {host}:{number}: {why}",
            f"set {section}.host to an address of this machine, and {section}.port to a port that "
            "this user may open",
        )
    return ok(part, f"port free: {host}:{number}")


def clock(now: datetime) -> Finding:
    """Check the clock: certificates and the names of journals depend on it."""
    part = "clock"
    if now < EARLIEST:
        return failed(
            part, f"clock wrong: {now:%Y-%m-%d}", "set the clock, and keep it right with NTP"
        )
    return ok(part, f"clock set: {now:%Y-%m-%d %H:%M:%S} UTC")
