"""Fixtures of a running Asterisk: one for all tests, and others for tests that need their own.

If Asterisk cannot be installed, tests that ask for it are skipped; in CI they fail.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest
import trio

from tests.asterisk.install import AsteriskUnavailable, Installation, installed
from tests.asterisk.server import Asterisk

StartAsterisk = Callable[..., AbstractAsyncContextManager[Asterisk]]


@pytest.fixture(scope="session")
def asterisk_installed() -> Installation:
    try:
        return installed()
    except AsteriskUnavailable as unavailable:
        if os.environ.get("CI"):
            pytest.fail(str(unavailable), pytrace=False)
        pytest.skip(str(unavailable))


@pytest.fixture(scope="session")
def asterisk(asterisk_installed: Installation) -> Iterator[Asterisk]:
    """Provide the Asterisk that tests share. A test leaves it as it was, and never restarts it."""
    instance = Asterisk()
    try:
        trio.run(instance.start)
        yield instance
        trio.run(instance.kill)
    finally:
        instance.remove()


@pytest.fixture
def start_asterisk(asterisk_installed: Installation) -> StartAsterisk:
    """Provide `async with start_asterisk(without=..., control=...)`, which takes the arguments of
    `Asterisk.started`: an Asterisk for one test, which may kill and restart it."""
    return Asterisk.started
