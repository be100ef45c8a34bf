"""A running Asterisk as a fixture, one for all tests, and others for tests that need their own.

Where Asterisk cannot be had, the tests that ask for it are skipped; in CI they fail.
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
    """An Asterisk that many tests share: each leaves it as it was, and never restarts it."""
    instance = Asterisk()
    try:
        trio.run(instance.start)
        yield instance
        trio.run(instance.kill)
    finally:
        instance.remove()


@pytest.fixture
def start_asterisk(asterisk_installed: Installation) -> StartAsterisk:
    """`async with start_asterisk(without=..., control=...)`: one of the test's own, which it may
    kill and restart; takes the arguments of `Asterisk.started`."""
    return Asterisk.started
