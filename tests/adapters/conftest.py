"""Fixtures of the tests of adapters."""

from __future__ import annotations

from typing import Any

import pytest
import trio


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[trio.Process]:
    """Return the processes that Trio starts in this test, in order."""
    started: list[trio.Process] = []
    start = trio.lowlevel.open_process

    async def recorded(*args: Any, **options: Any) -> trio.Process:
        started.append(await start(*args, **options))
        return started[-1]

    monkeypatch.setattr(trio.lowlevel, "open_process", recorded)
    return started
