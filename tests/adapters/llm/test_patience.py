"""Timeouts and retries of a model, on a virtual clock."""

from __future__ import annotations

import httpx2
import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.fallback.failures import Late
from callchart.adapters.llm.openai import BETWEEN_TOKENS_S, FIRST_TOKEN_S
from callchart.engine.data import Said
from callchart.engine.ports import ProviderError
from tests.adapters.llm.scripted import Server, Stock, asking, delta, uses, whole
from tests.contracts.language_model import Listener

ASKED = [Said("caller", "Polly?")]
ROLE = delta(role="assistant", content="")
WELL = delta(content="Well, ")
GONE = httpx2.RemoteProtocolError("gone")


def refusal(status: int, retry_after: str = "", code: str = "") -> httpx2.Response:
    headers = {"retry-after": retry_after} if retry_after else {}
    return httpx2.Response(status, headers=headers, json={"error": {"code": code}})


async def answer_of(server: Server) -> Listener:
    listener = Listener()
    async with asking(server) as model:
        await model.write(ASKED, Stock(), listener)
    return listener


async def failure_of(server: Server) -> tuple[ProviderError, Listener]:
    listener = Listener()
    async with asking(server) as model:
        with pytest.raises(ProviderError) as failure:
            await model.write(ASKED, Stock(), listener)
        assert not any(stream.is_open for stream in server.streams)
        assert model.counters.failures == 1
        assert model.counters.requests == len(server.requests)
    return failure.value, listener


# --- timeouts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "latency"),
    [
        (whole("Well,"), 100.0),
        ((100.0, WELL), 0.0),
        ((ROLE, delta(reasoning_content="Hm"), 2.0, delta(reasoning_content="Hm"), 100.0), 0.0),
    ],
    ids=["no response", "no event", "no word"],
)
async def test_a_first_token_timeout_is_not_retried(
    autojump_clock: MockClock, script: tuple[object, ...], latency: float
) -> None:
    server = Server(script, latency=latency)
    failure, listener = await failure_of(server)
    assert isinstance(failure, Late)
    assert failure.reason == "model.test sent no token within 3 s"
    assert "first_token" in failure.cure
    assert trio.current_time() == FIRST_TOKEN_S
    assert len(server.requests) == 1
    assert listener.pieces == []


async def test_each_token_restarts_the_timeout_between_tokens(autojump_clock: MockClock) -> None:
    server = Server((2.75, WELL, 1.75, WELL, 1.75, *whole("yes.")))
    listener = await answer_of(server)
    assert [at for at, _ in listener.pieces] == [2.75, 4.5, 6.25]


async def test_a_timeout_between_tokens_raises_after_the_text_so_far(
    autojump_clock: MockClock,
) -> None:
    server = Server((0.5, WELL, 0.25, WELL, 100.0))
    failure, listener = await failure_of(server)
    assert failure.reason == "model.test sent no token for 2 s in the middle of an answer"
    assert "between_tokens" in failure.cure
    assert not isinstance(failure, Late)
    assert listener.text == "Well, Well, "
    assert trio.current_time() == 0.75 + BETWEEN_TOKENS_S
    assert len(server.requests) == 1


async def test_an_incomplete_tool_call_is_not_used(autojump_clock: MockClock) -> None:
    piece = {"index": 0, "id": "a", "function": {"name": "look_up", "arguments": '{"th'}}
    stock = Stock()
    async with asking(Server((delta(tool_calls=[piece]), 100.0))) as model:
        with pytest.raises(ProviderError, match="sent no token for 2 s"):
            await model.write(ASKED, stock, Listener())
    assert stock.used == []


async def test_the_time_of_a_tool_does_not_count_against_the_model(
    autojump_clock: MockClock,
) -> None:
    listener, stock = Listener(), Stock(takes=20.0)
    async with asking(Server(uses(("look_up", "{}")), (2.5, *whole("One.")))) as model:
        await model.write(ASKED, stock, listener)
    assert listener.pieces == [(22.5, "One.")]


@pytest.mark.parametrize("end", ["[DONE]", delta("stop")])
async def test_a_response_left_open_after_its_end_is_closed(
    autojump_clock: MockClock, end: object
) -> None:
    server = Server((WELL, end, 100.0))
    listener = await answer_of(server)
    assert listener.text == "Well, "
    assert trio.current_time() == pytest.approx(0.1)
    assert not server.streams[0].is_open


async def test_events_after_the_end_are_ignored(autojump_clock: MockClock) -> None:
    listener = await answer_of(Server((WELL, delta("stop"), "[DONE]", "{", WELL)))
    assert listener.text == "Well, "


async def test_a_connection_lost_after_the_end_does_not_matter(autojump_clock: MockClock) -> None:
    listener = await answer_of(Server((WELL, delta("stop"), httpx2.ReadError("reset"))))
    assert listener.text == "Well, "


# --- retries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        httpx2.ConnectError("refused"),
        GONE,
        (httpx2.ReadError("reset"),),
        (ROLE, httpx2.ReadError("reset")),
        (ROLE,),
        ({"error": {"code": "overloaded"}},),
        refusal(500),
        refusal(503),
    ],
    ids=["connect", "gone", "reset", "reset later", "cut off", "gave up", "500", "503"],
)
async def test_a_failure_before_the_first_token_is_retried_once(
    autojump_clock: MockClock, first: Exception
) -> None:
    server = Server(first, whole("Well,"))
    listener = Listener()
    async with asking(server) as model:
        await model.write(ASKED, Stock(), listener)
        assert (model.counters.requests, model.counters.retries, model.counters.failures) == (
            2,
            1,
            0,
        )
    assert listener.text == "Well,"
    assert server.asked_at == [0.0, 0.1]
    assert server.asked[0] == server.asked[1]


async def test_a_second_failure_is_not_retried(autojump_clock: MockClock) -> None:
    server = Server(GONE)
    failure, _ = await failure_of(server)
    assert failure.reason == "model.test broke off the connection"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "fault",
    [httpx2.ReadError("reset"), {"error": {"code": "overloaded"}}],
    ids=["reset", "gave up"],
)
async def test_a_failure_after_the_first_token_is_not_retried(
    autojump_clock: MockClock, fault: object
) -> None:
    server = Server((WELL, fault), whole("Well,"))
    _, listener = await failure_of(server)
    assert listener.text == "Well, "
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "hopeless",
    [
        refusal(400),
        refusal(401),
        refusal(404),
        pytest.param(refusal(429), id="429 without a time"),
        pytest.param(refusal(429, "1.5"), id="429 later"),
        pytest.param(refusal(429, "Wed, 21 Oct 2026 07:28:00 GMT"), id="429 with a date"),
        pytest.param(refusal(429, "0", "insufficient_quota"), id="429 without credit"),
        pytest.param(refusal(503, "30"), id="503 later"),
        httpx2.ConnectTimeout("slow"),
        httpx2.PoolTimeout("full"),
        ("{",),
        ({"error": {"code": "context_length_exceeded"}},),
        whole(),
    ],
    ids=str,
)
async def test_a_failure_that_a_retry_cannot_fix_is_not_retried(
    autojump_clock: MockClock, hopeless: Exception
) -> None:
    server = Server(hopeless, whole("Well,"))
    await failure_of(server)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("said", "waited"), [("0", 0.0), ("0.5", 0.5), ("1", 1.0)])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_short_retry_after_is_respected(
    autojump_clock: MockClock, status: int, said: str, waited: float
) -> None:
    server = Server(refusal(status, said), whole("Well,"))
    await answer_of(server)
    assert server.asked_at == [0.0, waited]


async def test_a_request_and_its_retry_share_the_time_to_the_first_token(
    autojump_clock: MockClock,
) -> None:
    server = Server(refusal(503), (100.0, WELL), latency=2.0)
    failure, _ = await failure_of(server)
    assert isinstance(failure, Late)
    assert trio.current_time() == FIRST_TOKEN_S


async def test_a_retry_that_would_begin_too_late_is_skipped(
    autojump_clock: MockClock,
) -> None:
    server = Server(refusal(429, "1"), whole("Well,"), latency=2.5)
    failure, _ = await failure_of(server)
    assert failure.reason == "model.test answered 429"
    assert (trio.current_time(), len(server.requests)) == (2.5, 1)


async def test_each_request_of_an_answer_may_be_retried_and_tools_run_once(
    autojump_clock: MockClock,
) -> None:
    server, stock = Server(GONE, uses(("look_up", "{}")), GONE, whole("One.")), Stock()
    listener = Listener()
    async with asking(server) as model:
        await model.write(ASKED, stock, listener)
    assert listener.text == "One."
    assert len(stock.used) == 1
    assert server.asked[2] == server.asked[3]


async def test_a_call_that_ends_before_the_retry_cancels_it(
    autojump_clock: MockClock,
) -> None:
    server = Server(GONE)
    async with asking(server) as model:
        with trio.move_on_after(0.05) as scope:
            await model.write(ASKED, Stock(), Listener())
    assert scope.cancelled_caught
    assert len(server.requests) == 1
