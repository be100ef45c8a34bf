"""The processes that keep cores busy."""

from __future__ import annotations

import os

import pytest

from tests.runs.hog import hogs

pytestmark = pytest.mark.real


def test_hogs_end_with_the_block() -> None:
    with hogs(2) as pids:
        for pid in pids:
            os.kill(pid, 0)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_hog_is_started_unless_asked_for() -> None:
    with hogs(0) as pids:
        assert pids == []
