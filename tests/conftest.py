"""What all tests share: hypothesis's profiles, and which tests run on a virtual clock."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a slow machine is no defect. The same examples every time: `make test` leaves nothing
# to luck, `make flakes` looks for it, with a seed that its failure names.
settings.register_profile(
    "steady", deadline=None, derandomize=True, print_blob=True, max_examples=60
)
settings.register_profile("flakes", deadline=None, database=None, max_examples=10)
settings.load_profile("steady")

pytest_plugins = ["tests.asterisk.fixtures"]

#: Whoever asks for one of these runs on a clock that jumps.
VIRTUAL_CLOCKS = {"autojump_clock", "make_telephone"}

#: Whoever asks for one of these has a real Asterisk.
ASTERISKS = {"asterisk_installed", "asterisk", "start_asterisk"}

#: What is real here waits for Asterisk too, or for what plays its part.
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
    """What is loaded by now stays: the collector need not walk it again, in any test."""
    gc.collect()
    gc.freeze()
