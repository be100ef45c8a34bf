"""The test server speaks OpenAI's APIs to the official client, and follows its scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
import trio

from tests.servers.model.scripts import ToolCall, Writing
from tests.servers.model.server import ModelServer

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def one() -> Iterator[ModelServer]:
    with ModelServer.running() as server:
        yield server


@pytest.fixture
def server(one: ModelServer) -> ModelServer:
    trio.run(one.reset)
    return one


def client_of(server: ModelServer, key: str = "secret") -> openai.OpenAI:
    # The synchronous client: the asynchronous one leaves generators open when an answer breaks.
    return openai.OpenAI(api_key=key, base_url=server.base_url, max_retries=0, timeout=5.0)


def completed(client: openai.OpenAI, words: str = "Price?") -> tuple[str, list[Any]]:
    """Return the text of a chat completion, and its tool calls as [name, arguments]."""
    text, tools = "", dict[int, list[str]]()
    with client.chat.completions.create(
        model="any", messages=[{"role": "user", "content": words}], stream=True
    ) as stream:
        for chunk in stream:
            delta = chunk.choices[0].delta
            text += delta.content or ""
            for call in delta.tool_calls or ():
                assert call.function is not None
                tool = tools.setdefault(call.index, ["", ""])
                tool[0] += call.function.name or ""
                tool[1] += call.function.arguments or ""
    return text, list(tools.values())


def responded(client: openai.OpenAI, words: str = "Price?") -> tuple[str, list[Any]]:
    """Return the same for a response."""
    text, tools = "", []
    with client.responses.create(
        model="any", input=[{"role": "user", "content": words}], stream=True
    ) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.output_item.done" and event.item.type == "function_call":
                tools.append([event.item.name, event.item.arguments])
    return text, tools


BOTH = pytest.mark.parametrize("ask", [completed, responded])


@BOTH
async def test_both_apis_send_the_scripts_text_and_tools(server: ModelServer, ask: Any) -> None:
    tools = (ToolCall("transfer", '{"target": "7"}'), ToolCall("hang_up"))
    await server.script_writing(Writing(text="One moment.| Bye.|", tools=tools), containing="else")
    with client_of(server) as client:
        assert ask(client) == ("Yes, of course.|", [])
        text, used = ask(client, "Who else?")
    assert text == "One moment.| Bye.|"
    assert used == [["transfer", '{"target": "7"}'], ["hang_up", "{}"]]
    assert await server.texts() == ["Price?", "Who else?"]


@BOTH
async def test_tokens_are_sent_at_the_scripts_pace(server: ModelServer, ask: Any) -> None:
    await server.script_writing(Writing(first=0.1, every=0.05, text="One two three"))
    with client_of(server) as client:
        ask(client)
    (asked,) = await server.ended()
    assert asked.first is not None
    assert asked.ended is not None
    assert asked.first - asked.at >= 0.1
    assert asked.ended - asked.at >= 0.2


async def test_answers_are_numbered(server: ModelServer) -> None:
    await server.script_writing(Writing(text="{n} apples, {n}.|"))
    with client_of(server) as client:
        answers = [completed(client)[0] for _ in range(2)]
    assert answers == ["1001 apples, 1001.|", "1002 apples, 1002.|"]


async def test_a_refusal_has_the_scripts_retry_after(server: ModelServer) -> None:
    await server.script_writing(Writing(then="429", retry_after=2), times=1)
    with client_of(server) as client:
        with pytest.raises(openai.RateLimitError) as refused:
            completed(client)
        assert refused.value.response.headers["retry-after"] == "2"
        completed(client)
    assert [asked.outcome for asked in await server.ended()] == ["429", "ok"]


async def test_unknown_keys_are_refused(server: ModelServer) -> None:
    await server.accept(["secret"])
    with client_of(server) as client, client_of(server, "wrong") as stranger:
        completed(client)
        with pytest.raises(openai.AuthenticationError):
            completed(stranger)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Writing(then="cut", after=1), openai.APIConnectionError),
        (Writing(then="500", after=1), openai.APIError),
        (Writing(then="503"), openai.InternalServerError),
        (Writing(then="garbage", after=1), ValueError),
    ],
)
async def test_an_answer_breaks_where_the_script_says(
    server: ModelServer, script: Writing, error: Any
) -> None:
    await server.script_writing(script)
    with client_of(server) as client, pytest.raises(error):
        completed(client)


async def test_an_answer_can_be_empty_or_end_too_early(server: ModelServer) -> None:
    await server.script_writing(Writing(then="end"), times=1)
    await server.script_writing(Writing(then="end", after=1))
    with client_of(server) as client:
        assert completed(client) == ("", [])
        assert completed(client) == ("Yes, ", [])


async def test_a_hanging_answer_is_open_until_the_client_closes_it(server: ModelServer) -> None:
    await server.script_writing(Writing(then="hang", after=1))
    with client_of(server) as client:
        asked = [
            client.chat.completions.create(
                model="any", messages=[{"role": "user", "content": "Price?"}], stream=True
            )
            for _ in range(10)
        ]
        await server.until(open=10)
        for stream in asked:
            stream.close()
        await server.until(open=0)
    assert {asked.outcome for asked in await server.ended()} == {"cancelled"}


async def test_a_killed_server_restarts_on_the_same_port() -> None:
    async with ModelServer.started() as server:
        with client_of(server) as client:
            completed(client)
            server.kill()
            with pytest.raises(openai.APIConnectionError):
                completed(client)
            await server.start()
            completed(client)
        assert len(await server.asked()) == 1
