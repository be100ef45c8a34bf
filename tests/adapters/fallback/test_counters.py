"""The counters of fallbacks: the ratio and the reasons; and the error of two providers."""

from __future__ import annotations

import pytest

from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.fallback.failures import Late, NotAsked, both_failed
from callchart.engine.ports import ProviderError


def test_fallbacks_are_counted_by_reason() -> None:
    counters = FallbackCounters(requests=12)
    for failure in (Late("a", "late"), Late("a", "late"), NotAsked("a", "open")):
        counters.record_fallback(failure)
    counters.record_fallback(ProviderError("a", "refused"))
    assert (counters.late, counters.error, counters.not_asked) == (2, 1, 1)
    assert counters.by_second == 4
    assert counters.ratio == pytest.approx(1 / 3)


def test_the_ratio_without_requests_is_zero() -> None:
    assert FallbackCounters().ratio == 0.0


def test_the_error_of_two_providers_has_both_names_reasons_and_cures() -> None:
    error = both_failed(
        ProviderError("near", "no sound within 0.4 s", "see its status page"),
        ProviderError("far", "it was killed", "start it again"),
    )
    assert str(error) == (
        "near and far: no sound within 0.4 s; then it was killed "
        "(near: see its status page; far: start it again)"
    )


def test_an_unknown_cure_is_left_out() -> None:
    error = both_failed(ProviderError("near", "late"), ProviderError("far", "gone", "start it"))
    assert error.cure == "far: start it"
