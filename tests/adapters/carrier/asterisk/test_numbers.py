"""Only allowed numbers match."""

from __future__ import annotations

import pytest

from callchart.adapters.carrier.asterisk.numbers import Allowed


@pytest.mark.parametrize("target", ["100", "200", "299", "operator", "*8"])
def test_a_listed_number_is_allowed(target: str) -> None:
    assert target in Allowed(("100", "2XX", "operator", "*8"))


@pytest.mark.parametrize(
    "target", ["", "1000", "10", "2XX", "20", "2000", "2ab", "100\n", "100@trunk", "Operator", 100]
)
def test_an_unlisted_number_is_refused(target: object) -> None:
    assert target not in Allowed(("100", "2XX", "operator"))


def test_by_default_no_number_is_allowed() -> None:
    assert "100" not in Allowed()


def test_a_pattern_is_not_a_regular_expression() -> None:
    assert "100" not in Allowed((".*", "1.0", "[0-9]+"))
    assert "1+" in Allowed(("1+",))
