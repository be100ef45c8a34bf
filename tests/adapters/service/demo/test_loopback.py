"""An exchange over real sockets takes exactly the scripted time on a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h11
import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from callchart.adapters.llm.openai import OpenAIModel
from callchart.adapters.service.demo.answers import Answers, DemoAnswer
from callchart.adapters.service.demo.clock import HeldClock
from callchart.adapters.service.demo.loopback import EXCHANGE_HEADER, Exchange, Loopback
from callchart.adapters.service.demo.model_server import ModelServer, converse, serve
from callchart.engine.data import Said
from callchart.engine.ports import ProviderError
from callchart.engine.tools.toolbox import Toolbox

QUESTION = (Said("caller", "When are you open?"),)


@pytest.fixture
def held() -> HeldClock:
    return HeldClock()


@pytest.fixture
def clock(held: HeldClock) -> MockClock:
    return held.trio_clock


def scripted(
    *tokens: str,
    first_token_s: float = 0.375,
    per_token_s: float = 0.0625,
    hang: bool = False,
    fail: int | None = None,
) -> Answers:
    """Return one answer to every question."""
    answer = DemoAnswer(
        "all", (), tokens, first_token_s, per_token_s, hang_up=False, hang=hang, fail=fail
    )
    return Answers((), answer)


@asynccontextmanager
async def model_and_server(answers: Answers, held: HeldClock) -> AsyncIterator[OpenAIModel]:
    loopback = Loopback(held)
    async with trio.open_nursery() as nursery:
        server: ModelServer = await nursery.start(serve, answers, loopback)
        async with OpenAIModel.open(
            model="any", api_key="none", base_url=server.url, transport=loopback.transport()
        ) as model:
            yield model
        nursery.cancel_scope.cancel()


async def moments_of_an_answer(model: OpenAIModel) -> list[float]:
    """Return the time of each piece and of the end, in seconds after the question."""
    began = trio.current_time()
    moments: list[float] = []
    await model.write(
        QUESTION, Toolbox(), lambda piece: moments.append(trio.current_time() - began)
    )
    return [*moments, trio.current_time() - began]


async def test_two_hundred_answers_take_exactly_their_scripted_time(
    held: HeldClock, clock: MockClock
) -> None:
    async with model_and_server(scripted("We ", "never ", "close.|"), held) as model:
        for _ in range(200):
            assert await moments_of_an_answer(model) == [0.375, 0.4375, 0.5, 0.5]
            assert held.under_way == 0
    assert trio.current_time() == 200 * 0.5


async def test_tokens_that_share_a_packet_are_all_counted(
    held: HeldClock, clock: MockClock
) -> None:
    answers = scripted(*["word "] * 50, first_token_s=1.0, per_token_s=0.0)
    async with model_and_server(answers, held) as model:
        assert await moments_of_an_answer(model) == [1.0] * 51
        assert held.under_way == 0


async def test_twenty_calls_at_once_are_each_exact(held: HeldClock, clock: MockClock) -> None:
    moments = []

    async def one_call(model: OpenAIModel) -> None:
        moments.append(await moments_of_an_answer(model))

    answers = scripted("We ", "never ", "close.|")
    async with model_and_server(answers, held) as model, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(one_call, model)
            await trio.sleep(0.015625)
    assert moments == [[0.375, 0.4375, 0.5, 0.5]] * 20


# In steps of 3/64 s: some moments coincide with a token, others are between two.
@pytest.mark.parametrize("after", [step * 3 / 64 for step in range(12)])
async def test_a_cancelled_request_releases_the_clock(
    held: HeldClock, clock: MockClock, after: float
) -> None:
    answers = scripted("We ", "never ", "close.|", hang=True)
    async with model_and_server(answers, held) as model:
        for _ in range(5):
            began = trio.current_time()
            with trio.move_on_after(after):
                await moments_of_an_answer(model)
            assert trio.current_time() - began == after
            assert held.under_way == 0


async def test_a_request_cancelled_while_it_is_sent_releases_the_clock(
    held: HeldClock, clock: MockClock
) -> None:
    async with model_and_server(scripted("We ", "never ", "close.|"), held) as model:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(moments_of_an_answer, model)
            while not held.under_way:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert held.under_way == 0
        assert await moments_of_an_answer(model) == [0.375, 0.4375, 0.5, 0.5]


async def test_a_failed_request_releases_the_clock(held: HeldClock, clock: MockClock) -> None:
    async with model_and_server(scripted(fail=503), held) as model:
        with pytest.raises(ProviderError):
            await moments_of_an_answer(model)
        assert held.under_way == 0
        assert trio.current_time() == 0.1  # the client retries such a refusal once


async def test_a_request_to_a_closed_port_does_not_hold_the_clock(
    held: HeldClock, clock: MockClock
) -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        async with OpenAIModel.open(
            model="any",
            api_key="none",
            base_url=f"http://127.0.0.1:{unused.getsockname()[1]}/v1",
            transport=Loopback(held).transport(),
        ) as model:
            with pytest.raises(ProviderError, match="refused the connection"):
                await moments_of_an_answer(model)
    assert held.under_way == 0


async def test_time_stands_still_until_the_client_has_the_end_of_the_response_too(
    held: HeldClock, clock: MockClock
) -> None:
    loopback = Loopback(held)
    name, exchange = loopback.begin()
    exchange.sent(1)
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(converse, scripted("Closed.|"), loopback, theirs)
        body = b'{"messages": [{"role": "user", "content": "?"}], "stream": true}'
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{EXCHANGE_HEADER}: {name}\r\n"
        await ours.send_all(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
        client.send(h11.EndOfMessage())
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                exchange.received(len(event.data))
            elif event is h11.NEED_DATA:
                client.receive_data(bytes(await ours.receive_some()))
        assert held.under_way == 1
        loopback.end(name)
        assert held.under_way == 0
        await ours.aclose()


def test_data_sent_in_parts_holds_the_clock_until_all_is_received(held: HeldClock) -> None:
    exchange = Exchange(held)
    exchange.sent(10)
    exchange.sent(5)
    assert held.under_way == 1
    exchange.received(12)
    assert held.under_way == 1
    exchange.received(3)
    assert held.under_way == 0


def test_receiving_more_than_was_sent_is_an_error(held: HeldClock) -> None:
    exchange = Exchange(held)
    exchange.sent(1)
    with pytest.raises(RuntimeError, match="2 received, but only 1 was sent"):
        exchange.received(2)


def test_a_closed_exchange_ignores_late_reports(held: HeldClock) -> None:
    loopback = Loopback(held)
    name, exchange = loopback.begin()
    exchange.sent(1)
    loopback.end(name)
    loopback.end(name)
    exchange.close()
    exchange.received(1)
    exchange.sent(7)
    assert held.under_way == 0


def test_an_unknown_program_does_not_hold_the_clock(held: HeldClock) -> None:
    exchange = Loopback(held).exchange("7")
    exchange.received(1)
    exchange.sent(100)
    assert held.under_way == 0
