"""A second model answers if the first fails before its first word, and never after it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.llm.fallback import FAILURES, FallbackModel
from callchart.adapters.llm.openai import FIRST_TOKEN_OF_TWO_S, FIRST_TOKEN_S
from callchart.engine.data import Said
from callchart.engine.ports import LanguageModel, ProviderError
from tests.adapters.llm.scripted import KEY, Server, Stock, answers, asking, delta, uses, whole
from tests.contracts.language_model import LanguageModelContract, Listener, Script

ASKED = [Said("caller", "Marmalade?")]
DOWN = httpx2.Response(401, json={"error": {"code": "invalid_api_key"}})
SILENT = (100.0,)
SECOND = whole("Second.|")


@asynccontextmanager
async def two(first: Server, second: Server) -> AsyncIterator[FallbackModel]:
    """Open two models that share the time to the first token."""
    async with (
        asking(first, first_token_s=FIRST_TOKEN_OF_TWO_S) as primary,
        asking(
            second, first_token_s=FIRST_TOKEN_OF_TWO_S, base_url="http://spare.test/v1"
        ) as spare,
    ):
        yield FallbackModel(primary, spare, Breaker("first model", failures=FAILURES))


async def say(model: LanguageModel) -> Listener:
    listener = Listener()
    await model.write(ASKED, Stock(), listener)
    return listener


class TestFallbackModel(LanguageModelContract):
    """Two real clients; the first one answers."""

    def under_way(self) -> int:
        return sum(s.is_open for server in (self.one, self.other) for s in server.streams)

    @asynccontextmanager
    async def model(self, script: Script) -> AsyncIterator[LanguageModel]:
        answering = Server(DOWN) if script.fails else Server(*answers(script))
        self.one, self.other = self.servers(answering, Server(DOWN))
        async with (
            asking(self.one, between_tokens_s=10.0) as first,
            asking(self.other, between_tokens_s=10.0) as second,
        ):
            yield FallbackModel(first, second, Breaker("first model", failures=FAILURES))

    def servers(self, answering: Server, down: Server) -> tuple[Server, Server]:
        return answering, down


class TestFallbackModelWithoutItsFirst(TestFallbackModel):
    """The first model is refused until its circuit opens; the second one answers."""

    def servers(self, answering: Server, down: Server) -> tuple[Server, Server]:
        return down, answering


async def test_the_second_model_is_not_asked_while_the_first_answers(
    autojump_clock: MockClock,
) -> None:
    second = Server(SECOND)
    async with two(Server(whole("First.|")), second) as model:
        assert (await say(model)).text == "First.|"
        assert model.counters == FallbackCounters(requests=1)
    assert second.requests == []


async def test_the_second_model_answers_if_the_first_is_refused(autojump_clock: MockClock) -> None:
    second = Server(SECOND)
    async with two(Server(DOWN), second) as model:
        assert (await say(model)).pieces == [(0.0, "Second.|")]
        assert model.counters == FallbackCounters(requests=1, error=1)
    assert second.asked[0]["messages"][-1] == {"role": "user", "content": "Marmalade?"}


async def test_both_models_share_the_time_to_the_first_token(autojump_clock: MockClock) -> None:
    async with two(Server(SILENT), Server((1.25, *SECOND))) as model:
        assert (await say(model)).pieces == [(2.75, "Second.|")]
        assert model.counters == FallbackCounters(requests=1, late=1)
    assert 2 * FIRST_TOKEN_OF_TWO_S == FIRST_TOKEN_S


@pytest.mark.parametrize("fault", [SILENT, (httpx2.ReadError("reset"),), ("{",)], ids=str)
async def test_the_second_model_is_not_asked_after_the_first_word(
    autojump_clock: MockClock, fault: tuple[object, ...]
) -> None:
    first, second, listener = Server((delta(content="Well, "), *fault)), Server(SECOND), Listener()
    async with two(first, second) as model:
        with pytest.raises(ProviderError, match=r"model\.test"):
            await model.write(ASKED, Stock(), listener)
        assert model.counters == FallbackCounters(requests=1)
    assert listener.text == "Well, "
    assert second.requests == []


async def test_white_space_does_not_count_as_a_first_word(autojump_clock: MockClock) -> None:
    async with two(Server((delta(content="\n"), "{")), Server(SECOND)) as model:
        assert (await say(model)).text == "\nSecond.|"


async def test_the_second_model_gets_the_tool_results_of_the_first(
    autojump_clock: MockClock,
) -> None:
    first, second = Server(uses(("look_up", '{"thing": "jam"}')), DOWN), Server(SECOND)
    stock, listener = Stock(), Listener()
    async with two(first, second) as model:
        await model.write(ASKED, stock, listener)
    assert listener.text == "Second.|"
    assert stock.used == [("look_up", '{"thing": "jam"}')]
    assert second.asked[0]["messages"] == first.asked[1]["messages"]


async def test_the_second_model_uses_tools(autojump_clock: MockClock) -> None:
    stock, listener = Stock(), Listener()
    async with two(Server(DOWN), Server(uses(("look_up", "{}")), SECOND)) as model:
        await model.write(ASKED, stock, listener)
    assert stock.used == [("look_up", "{}")]
    assert listener.text == "Second.|"


async def test_when_both_models_fail_the_error_names_both(autojump_clock: MockClock) -> None:
    async with two(Server(SILENT), Server(DOWN)) as model:
        with pytest.raises(ProviderError) as failure:
            await say(model)
        assert model.counters == FallbackCounters(requests=1, late=1, both_failed=1)
    assert failure.value.reason == (
        "model.test sent no token within 1.5 s; then spare.test answered 401 (invalid_api_key)"
    )
    assert "first_token" in failure.value.cure
    assert "the key was refused" in failure.value.cure
    assert KEY not in str(failure.value)
    assert "marmalade" not in str(failure.value).lower()
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__


async def test_repeated_failures_open_the_circuit_of_the_first_model(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    first = Server(SILENT, SILENT, SILENT, whole("First.|"))
    async with two(first, Server(SECOND)) as model:
        waits = []
        for _ in range(5):
            ((wait, text),) = (await say(model)).pieces
            assert text == "Second.|"
            waits.append(wait)
        assert waits == [1.5, 1.5, 1.5, 0.0, 0.0]
        assert model.counters == FallbackCounters(requests=5, late=3, not_asked=2)
        await trio.sleep(5.0)
        assert (await say(model)).text == "First.|"
    assert len(first.requests) == 4
    begins, ends = caplog.messages
    assert "first model circuit open for 5 s: 3 failures in a row" in begins
    assert "first model circuit closed" in ends
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "marmalade" not in caplog.text.lower()


async def test_an_interruption_does_not_count_as_a_failure_of_the_first_model(
    autojump_clock: MockClock,
) -> None:
    first, second = Server(SILENT), Server(SECOND)
    async with two(first, second) as model:
        for _ in range(FAILURES):
            with trio.move_on_after(1.0) as scope:
                await say(model)
            assert scope.cancelled_caught
        with trio.move_on_after(1.0):
            await say(model)
    assert len(first.requests) == FAILURES + 1
    assert second.requests == []
