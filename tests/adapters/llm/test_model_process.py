"""Both APIs against a server process that can fail on demand and be killed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.llm.fallback import FallbackModel
from callchart.adapters.llm.openai import ApiName, OpenAIModel
from callchart.engine.data import Said
from callchart.engine.ports import LanguageModel, ProviderError
from tests.adapters.llm.scripted import KEY, LOOK_UP, Stock
from tests.contracts.language_model import Listener
from tests.servers.model.scripts import ToolCall, Writing
from tests.servers.model.server import ModelServer

pytestmark = [pytest.mark.real, pytest.mark.parametrize("api", ["chat", "responses"])]

ASKED = [Said("caller", "How many nails?")]


@pytest.fixture(scope="module")
def one() -> Iterator[ModelServer]:
    with ModelServer.running() as server:
        yield server


@pytest.fixture
def server(one: ModelServer) -> ModelServer:
    trio.run(one.reset)
    return one


@asynccontextmanager
async def asking(
    server: ModelServer,
    api: ApiName,
    *,
    first_token_s: float = 30.0,
    between_tokens_s: float = 30.0,
) -> AsyncIterator[OpenAIModel]:
    """Open a model on this server, with timeouts that a busy machine does not reach."""
    async with OpenAIModel.open(
        model="scripted",
        api_key=KEY,
        base_url=server.base_url,
        api=api,
        first_token_s=first_token_s,
        between_tokens_s=between_tokens_s,
    ) as model:
        with trio.fail_after(60):
            yield model


async def failure_of(model: LanguageModel, listener: Listener) -> ProviderError:
    with pytest.raises(ProviderError) as failure:
        await model.write(ASKED, Stock(), listener)
    assert KEY not in str(failure.value)
    assert "nails" not in str(failure.value)
    return failure.value


async def test_an_answer_is_passed_on_token_by_token(server: ModelServer, api: ApiName) -> None:
    await server.script_writing(Writing(text="Seven nails.| And one.|", every=0.01))
    listener = Listener()
    async with asking(server, api) as model:
        await model.write(ASKED, Stock(), listener)
    assert [piece for _, piece in listener.pieces] == ["Seven ", "nails.| ", "And ", "one.|"]
    (asked,) = await server.ended()
    assert asked.text == "How many nails?"
    assert asked.outcome == "ok"


async def test_the_results_of_tools_are_sent_in_the_next_request(
    server: ModelServer, api: ApiName
) -> None:
    calls = (ToolCall("look_up", '{"thing": "nails"}'), ToolCall("look_up", '{"thing": "nuts"}'))
    await server.script_writing(Writing(text="Let me see.| ", tools=calls), containing="How many")
    await server.script_writing(Writing(text="Both.|"), containing="2 in stock")
    listener, stock = Listener(), Stock()
    async with asking(server, api) as model:
        await model.write(ASKED, stock, listener)
    assert listener.text == "Let me see.| Both.|"
    assert [json.loads(arguments) for _, arguments in stock.used] == [
        {"thing": "nails"},
        {"thing": "nuts"},
    ]
    first, second = await server.asked()
    assert second.text == "2 in stock"
    assert LOOK_UP.name in json.dumps(first.request["tools"])


async def test_an_interruption_cancels_the_request_at_the_server(
    server: ModelServer, api: ApiName
) -> None:
    await server.script_writing(Writing(then="hang", after=1))
    async with asking(server, api) as model, trio.open_nursery() as call:
        call.start_soon(model.write, ASKED, Stock(), lambda _: call.cancel_scope.cancel())
    await server.until(open=0)
    assert [asked.outcome for asked in await server.ended()] == ["cancelled"]


@pytest.mark.parametrize(
    ("script", "reason", "requests"),
    [
        (Writing(then="429"), "answered 429", 1),
        (Writing(then="503"), "answered 503", 2),
        (Writing(then="503", after=1), "sent an error in the stream", 1),
        (Writing(then="cut"), "broke off the connection", 2),
        (Writing(then="cut", after=1), "broke off the connection", 1),
        (Writing(then="garbage"), "malformed: an event is not JSON", 1),
        (Writing(then="garbage", after=1), "malformed: an event is not JSON", 1),
        (Writing(then="end"), "malformed: it ended before the end of the answer", 2),
        (Writing(then="end", after=1), "malformed: it ended before the end of the answer", 1),
    ],
    ids=lambda value: f"{value.then} after {value.after}" if isinstance(value, Writing) else "",
)
async def test_a_failed_request_is_retried_only_before_its_first_token(
    server: ModelServer, api: ApiName, script: Writing, reason: str, requests: int
) -> None:
    await server.script_writing(script)
    listener = Listener()
    async with asking(server, api) as model:
        assert reason in (await failure_of(model, listener)).reason
    assert listener.text == ("Yes, " if script.after else "")
    assert len(await server.asked()) == requests


async def test_a_refusal_with_a_short_retry_after_is_retried(
    server: ModelServer, api: ApiName
) -> None:
    await server.script_writing(Writing(then="429", retry_after=0.1), times=1)
    listener = Listener()
    async with asking(server, api) as model:
        await model.write(ASKED, Stock(), listener)
        assert model.counters.retries == 1
    assert listener.text == "Yes, of course.|"


async def test_a_wrong_key_is_reported_without_the_key_itself(
    server: ModelServer, api: ApiName
) -> None:
    await server.accept(["another"])
    async with asking(server, api) as model:
        failure = await failure_of(model, Listener())
    assert "answered 401" in failure.reason
    assert failure.cure == "the key was refused: check it and the account it belongs to"


async def test_a_timeout_cancels_the_request_at_the_server(
    server: ModelServer, api: ApiName
) -> None:
    await server.script_writing(Writing(then="hang"), times=1)
    await server.script_writing(Writing(then="hang", after=1))
    async with asking(server, api, first_token_s=1.0) as model:
        assert "sent no token within 1 s" in (await failure_of(model, Listener())).reason
    async with asking(server, api, between_tokens_s=0.2) as model:
        assert "sent no token for 0.2 s" in (await failure_of(model, Listener())).reason
    await server.until(open=0)
    assert [asked.outcome for asked in await server.ended()] == ["cancelled"] * 2


async def test_the_second_server_answers_while_the_first_is_down(
    api: ApiName,
) -> None:
    async with (
        ModelServer.started() as first,
        ModelServer.started() as second,
        asking(first, api) as primary,
        asking(second, api) as spare,
    ):
        await second.script_writing(Writing(text="From the second.|"))
        model = FallbackModel(primary, spare, Breaker("first model"))

        async def answer() -> str:
            listener = Listener()
            await model.write(ASKED, Stock(), listener)
            return listener.text

        assert await answer() == "Yes, of course.|"
        first.kill()
        assert [await answer() for _ in range(2)] == ["From the second.|"] * 2
        await first.start()
        assert await answer() == "Yes, of course.|"
        assert (model.counters.requests, model.counters.error, model.counters.both_failed) == (
            4,
            2,
            0,
        )
