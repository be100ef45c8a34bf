"""The folder of journals: one file a call. Old files are deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import trio

from callchart.adapters.service.sections.service import JournalConfig
from callchart.adapters.service.user_code import UserError
from callchart.engine.journal import JournalFile

log = logging.getLogger("callchart")

_TIME = "%Y%m%dT%H%M%S.%fZ"
_SWEEP_SECONDS = 3600.0


def _utc() -> datetime:
    return datetime.now(UTC)


class JournalFolder:
    """A folder that opens journals, named by time (UTC) and call id, and removes old ones.

    The constructor creates the folder, readable by its owner only. It raises `UserError` if it
    cannot."""

    def __init__(self, config: JournalConfig, now: Callable[[], datetime] = _utc) -> None:
        self._folder, self._keep = config.folder, timedelta(days=config.keep_days)
        self._now = now
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"journal.folder must be a writable folder, got {self._folder}: {error.strerror}; "
                "allow this user to write there, or set another folder"
            ) from None

    def open(self, call_id: str) -> JournalFile | None:
        """Open the journal of a new call. Log an error and return None if that fails."""
        path = self._folder / f"{self._now():{_TIME}}-{call_id}.jsonl"
        try:
            return JournalFile(path, log.error)
        except OSError as error:
            log.error(
                "journal not opened: %s: %s; the call continues without one", path, error.strerror
            )
            return None

    async def sweep(self) -> None:
        """Remove old journals, now and every hour, until cancelled."""
        while True:
            await trio.to_thread.run_sync(self.remove_old)
            await trio.sleep(_SWEEP_SECONDS)

    def remove_old(self) -> None:
        """Remove the journals older than `keep_days`. Other files stay."""
        removed = 0
        for path in self._folder.glob("*-*.jsonl"):
            try:
                began = datetime.strptime(path.name.partition("-")[0], _TIME).replace(tzinfo=UTC)
            except ValueError:
                continue  # not named by us
            if self._now() - began > self._keep:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    log.error("journal not removed: %s: %s", path, error.strerror)
                else:
                    removed += 1
        if removed:
            log.info("journals removed: %d, older than %d days", removed, self._keep.days)
