"""The delays between attempts."""

from __future__ import annotations

from random import Random

from callchart.adapters.backoff import Backoff


def test_delays_double_from_the_first_to_the_longest() -> None:
    backoff = Backoff(0.5, 3.0)
    assert [backoff.delay_s(retries) for retries in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_any_number_of_retries_has_the_longest_delay() -> None:
    assert Backoff(0.1, 10.0).delay_s(1_000_000) == 10.0


def test_jitter_multiplies_a_delay_by_a_factor_between_its_bounds() -> None:
    random = Random(1)
    delays_s = [Backoff(2.0, 2.0, jitter=(0.8, 1.2)).delay_s(0, random) for _ in range(200)]
    assert 1.6 <= min(delays_s) < 1.7
    assert 2.3 < max(delays_s) <= 2.4


def test_two_clients_with_jitter_have_different_delays() -> None:
    backoff = Backoff(1.0, 8.0, jitter=(1.0, 1.5))
    assert backoff.delay_s(0, Random(1)) != backoff.delay_s(0, Random(2))
