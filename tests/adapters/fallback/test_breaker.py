"""The breaker: when a circuit opens, half-opens and closes."""

from __future__ import annotations

import logging

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.failures import Late, NotAsked
from callchart.engine.ports import ProviderError

FAILURE = ProviderError("voice", "no answer", "see its status page")


@pytest.fixture
def breaker() -> Breaker:
    return Breaker("voice", failures=3, cool_down_s=5.0, longest_cool_down_s=15.0)


def state(breaker: Breaker) -> str:
    return breaker.state


def succeed(breaker: Breaker) -> None:
    with breaker.request():
        pass


def fail(breaker: Breaker, times: int = 1, failure: ProviderError = FAILURE) -> None:
    for _ in range(times):
        with pytest.raises(ProviderError) as raised, breaker.request():
            raise failure
        assert raised.value is failure


def is_refused(breaker: Breaker) -> bool:
    try:
        succeed(breaker)
    except NotAsked:
        return True
    return False


async def cooled_down(breaker: Breaker) -> float:
    """Wait until a request goes through, let it fail, and return the seconds of the wait."""
    began = trio.current_time()
    with trio.fail_after(1000):
        while True:
            try:
                with breaker.request():
                    raise FAILURE
            except NotAsked:
                await trio.sleep(0.5)
            except ProviderError:
                return trio.current_time() - began


async def test_failures_in_a_row_open_the_circuit(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert state(breaker) == "closed"
    fail(breaker, failure=Late("voice", "late"))
    assert state(breaker) == "open"
    assert is_refused(breaker)


async def test_a_success_between_failures_restarts_the_count(breaker: Breaker) -> None:
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 2)
    assert state(breaker) == "closed"


async def test_a_refused_request_has_the_last_reason_and_cure(breaker: Breaker) -> None:
    fail(breaker, 3)
    with pytest.raises(NotAsked) as refused, breaker.request():
        pytest.fail("the request went through")
    assert str(refused.value) == "voice: circuit open: no answer (see its status page)"


async def test_a_refused_request_is_not_a_failure(
    autojump_clock: MockClock, breaker: Breaker
) -> None:
    fail(breaker, 3)
    assert all(is_refused(breaker) for _ in range(10))
    await trio.sleep(5.0)
    succeed(breaker)
    assert state(breaker) == "closed"


async def test_after_the_cool_down_one_request_at_a_time_is_the_probe(
    autojump_clock: MockClock, breaker: Breaker
) -> None:
    fail(breaker, 3)
    await trio.sleep(4.9)
    assert is_refused(breaker)
    await trio.sleep(0.1)
    with breaker.request():
        assert state(breaker) == "half open"
        assert is_refused(breaker)
    assert state(breaker) == "closed"
    fail(breaker, 2)
    assert state(breaker) == "closed"


async def test_each_probe_that_fails_doubles_the_cool_down_up_to_a_bound(
    autojump_clock: MockClock, breaker: Breaker
) -> None:
    fail(breaker, 3)
    assert [await cooled_down(breaker) for _ in range(4)] == [5.0, 10.0, 15.0, 15.0]


async def test_the_cool_down_is_short_again_after_the_circuit_was_closed(
    autojump_clock: MockClock, breaker: Breaker
) -> None:
    fail(breaker, 3)
    await cooled_down(breaker)
    await trio.sleep(10.0)
    succeed(breaker)
    fail(breaker, 3)
    assert await cooled_down(breaker) == 5.0


async def test_a_cancelled_request_is_neither_failure_nor_success(breaker: Breaker) -> None:
    fail(breaker, 2)
    with trio.CancelScope() as scope, breaker.request():
        scope.cancel()
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    fail(breaker)
    assert state(breaker) == "open"


async def test_a_cancelled_probe_lets_the_next_probe_through(
    autojump_clock: MockClock, breaker: Breaker
) -> None:
    fail(breaker, 3)
    await trio.sleep(5.0)
    with trio.CancelScope() as scope, breaker.request():
        scope.cancel()
        await trio.lowlevel.checkpoint()
    assert state(breaker) == "open"
    succeed(breaker)
    assert state(breaker) == "closed"


async def test_an_error_of_the_caller_is_not_a_failure_of_the_provider(breaker: Breaker) -> None:
    for _ in range(3):
        with pytest.raises(BrokenPipeError), breaker.request():
            raise BrokenPipeError
    assert state(breaker) == "closed"


@pytest.mark.parametrize("ends", ["well", "badly", "cancelled"])
async def test_the_result_of_a_request_from_before_the_opening_is_ignored(
    autojump_clock: MockClock, breaker: Breaker, ends: str
) -> None:
    old = breaker.request()
    old.__enter__()
    fail(breaker, 3)
    await trio.sleep(5.0)
    with breaker.request():
        if ends == "well":
            old.__exit__(None, None, None)
        else:
            error = FAILURE if ends == "badly" else BrokenPipeError()
            old.__exit__(type(error), error, None)
        assert state(breaker) == "half open"
    assert state(breaker) == "closed"


async def test_the_opening_and_the_closing_are_logged_once(
    autojump_clock: MockClock, breaker: Breaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    fail(breaker, 3)
    is_refused(breaker)
    for _ in range(2):
        await cooled_down(breaker)
    await trio.sleep(15.0)
    succeed(breaker)
    succeed(breaker)
    assert [record.getMessage() for record in caplog.records] == [
        "voice circuit open for 5 s: 3 failures in a row (last: "
        "voice: no answer (see its status page))",
        "voice circuit closed after 30 s (last failure: voice: no answer (see its status page))",
    ]
