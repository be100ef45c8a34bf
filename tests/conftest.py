"""Set-up of all tests: hypothesis's profiles, and markers by the fixtures that a test asks for."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a slow machine must not fail a test. `make test` takes the same examples every time;
# `make flakes` takes others, from a seed that its report names.
settings.register_profile(
    "steady", deadline=None, derandomize=True, print_blob=True, max_examples=60
)
settings.register_profile("flakes", deadline=None, database=None, max_examples=10)
settings.load_profile("steady")

pytest_plugins = ["tests.asterisk.fixtures"]

#: A test that asks for one of these fixtures runs on a clock that jumps.
VIRTUAL_CLOCKS = {"autojump_clock", "make_telephone"}

#: A test that asks for one of these fixtures has a real Asterisk.
ASTERISKS = {"asterisk_installed", "asterisk", "start_asterisk"}

#: Real-clock tests in this folder wait for Asterisk, or for a stand-in.
CARRIER = Path(__file__).parent / "adapters" / "carrier" / "asterisk"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & VIRTUAL_CLOCKS:
            item.add_marker(pytest.mark.virtual)
        if fixtures & ASTERISKS:
            item.add_marker(pytest.mark.asterisk)
            item.add_marker(pytest.mark.real)
        if item.get_closest_marker("real") and item.path.is_relative_to(CARRIER):
            item.add_marker(pytest.mark.asterisk)
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.unmeasured)


def pytest_collection_finish() -> None:
    """Exempt all loaded objects from garbage collection: they stay until the end."""
    gc.collect()
    gc.freeze()
