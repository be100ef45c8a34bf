"""IAM tokens on a virtual clock: when they are renewed, and who notices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.yandex.iam import IamTokens, Token, use_of
from callchart.engine.ports import ProviderError

HOUR = 3600.0
DOWN = ProviderError("yandex", "it is down", "wait")


class Exchange:
    """A source of tokens "1", "2", ..., each living for `life` seconds; None: it is down."""

    def __init__(self, life: float = 12 * HOUR, takes: float = 0.0) -> None:
        self.life: float | None = life
        self.takes = takes
        self.asked: list[float] = []
        self.given = 0

    async def __call__(self) -> Token:
        self.asked.append(trio.current_time())
        await trio.sleep(self.takes)
        if self.life is None:
            raise DOWN
        self.given += 1
        return Token(str(self.given), self.life)


async def all_of(jobs: list[Callable[[], Awaitable[object]]]) -> list[object]:
    """Run jobs at the same time, and return their results."""
    answers: list[object] = []

    async def run(job: Callable[[], Awaitable[object]]) -> None:
        answers.append(await job())

    async with trio.open_nursery() as nursery:
        for job in jobs:
            nursery.start_soon(run, job)
    return answers


async def test_whoever_comes_first_waits_for_the_first_token(
    autojump_clock: MockClock,
) -> None:
    async with IamTokens.open(Exchange(takes=2.0)) as tokens:
        assert await tokens.authorization() == "Bearer 1"
        assert trio.current_time() == 2.0


async def test_a_token_is_renewed_after_a_tenth_of_its_life(autojump_clock: MockClock) -> None:
    exchange = Exchange()
    async with IamTokens.open(exchange) as tokens:
        await trio.sleep(3 * HOUR)
        assert exchange.asked == [0.0, 1.2 * HOUR, 2.4 * HOUR]
        assert await tokens.authorization() == "Bearer 3"


async def test_a_renewal_keeps_nobody_waiting(autojump_clock: MockClock) -> None:
    async with IamTokens.open(Exchange(takes=5.0)) as tokens:
        await trio.sleep(1.2 * HOUR + 1.0)
        before = trio.current_time()
        assert await tokens.authorization() == "Bearer 1"
        assert trio.current_time() == before


@pytest.mark.parametrize(
    ("life", "use"), [(12 * HOUR, 1.2 * HOUR), (600.0, 60.0), (300.0, 60.0), (10.0, 5.0)]
)
def test_a_short_life_is_used_for_a_minute_or_its_half(life: float, use: float) -> None:
    assert use_of(Token("", life)) == use


async def test_a_service_that_is_down_is_noticed_by_nobody_while_a_token_lives(
    autojump_clock: MockClock,
) -> None:
    exchange = Exchange()
    async with IamTokens.open(exchange) as tokens:
        await trio.sleep(1.0)
        exchange.life = None
        await trio.sleep(11.9 * HOUR)
        assert await tokens.authorization() == "Bearer 1"
        await trio.sleep(0.1 * HOUR)
        with pytest.raises(ProviderError, match="it is down"):
            await tokens.authorization()
        exchange.life = 12 * HOUR
        await trio.sleep(60.0)
        assert await tokens.authorization() == "Bearer 2"


async def test_attempts_that_fail_come_ever_less_often(autojump_clock: MockClock) -> None:
    exchange = Exchange()
    exchange.life = None
    async with IamTokens.open(exchange):
        await trio.sleep(200.0)
    assert exchange.asked == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 123.0, 183.0]


async def test_all_who_were_refused_are_answered_by_one_renewal(
    autojump_clock: MockClock,
) -> None:
    exchange = Exchange(takes=0.5)
    async with IamTokens.open(exchange) as tokens:
        refused = await tokens.authorization()
        await trio.sleep(100.0)
        assert await all_of([lambda: tokens.renew(refused)] * 20) == [True] * 20
        assert await all_of([tokens.authorization] * 2) == ["Bearer 2"] * 2
        # One who was refused before, and says so only now.
        assert await tokens.renew(refused)
    assert exchange.asked == [0.0, 100.5]


async def test_a_new_token_that_is_refused_is_replaced_after_a_second(
    autojump_clock: MockClock,
) -> None:
    exchange = Exchange()
    async with IamTokens.open(exchange) as tokens:
        for _ in range(3):
            assert await tokens.renew(await tokens.authorization())
    assert exchange.asked == [0.0, 1.0, 2.0, 3.0]


async def test_a_renewal_that_fails_says_why_and_is_not_hurried(
    autojump_clock: MockClock,
) -> None:
    exchange = Exchange()
    async with IamTokens.open(exchange) as tokens:
        refused = await tokens.authorization()
        await trio.sleep(100.0)
        exchange.life = None
        for _ in range(5):
            with pytest.raises(ProviderError, match="it is down"):
                await tokens.renew(refused)
    assert exchange.asked == [0.0, 100.0]


async def test_a_machine_that_slept_waits_for_a_new_token(autojump_clock: MockClock) -> None:
    async with IamTokens.open(Exchange(life=0.0, takes=1.0)) as tokens:
        with trio.move_on_after(10.0) as patience:
            await tokens.authorization()
        assert patience.cancelled_caught


async def test_what_is_no_token_is_not_sent(autojump_clock: MockClock) -> None:
    async def strange() -> Token:
        return Token("two words", HOUR)

    async with IamTokens.open(strange) as tokens:
        with pytest.raises(ProviderError, match="the IAM token must be printable") as error:
            await tokens.authorization()
        assert "two words" not in str(error.value)


def test_a_token_is_shown_to_nobody() -> None:
    assert "t1.secret" not in repr(Token("t1.secret", HOUR))
