"""The demo's model server speaks OpenAI's API at the scripted pace until the client disconnects."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest
import trio
from openai.types.chat import ChatCompletionChunk
from trio.testing import MockClock, memory_stream_pair

from callchart.adapters.service.demo.answers import Answers, DemoAnswer
from callchart.adapters.service.demo.clock import HeldClock
from callchart.adapters.service.demo.loopback import Loopback
from callchart.adapters.service.demo.model_server import ModelServer, converse, serve


def answer(*says: str, hears: str = "", **how: Any) -> DemoAnswer:
    """Return an answer to one keyword: the first word after 1 s, the others every 0.5 s."""
    plain: dict[str, Any] = {"hang_up": False, "hang": False, "fail": None}
    return DemoAnswer(hears, (hears,), says, first_token_s=1.0, per_token_s=0.5, **(plain | how))


ANSWERS = Answers(
    (
        answer("Good ", "bye.|", hears="bye", hang_up=True),
        answer(hears="overloaded", fail=503),
        answer("Let ", "me ", hears="think", hang=True),
    ),
    answer("Pardon?|"),
)


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def trio_clock(clock: HeldClock) -> MockClock:
    return clock.trio_clock


@asynccontextmanager
async def asking(clock: HeldClock) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a plain HTTP client of the server."""
    loopback = Loopback(clock)
    async with trio.open_nursery() as nursery:
        server: ModelServer = await nursery.start(serve, ANSWERS, loopback)
        async with httpx2.AsyncClient(
            base_url=server.url, transport=loopback.transport(), trust_env=False
        ) as client:
            yield client
        nursery.cancel_scope.cancel()


def chat(*user: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": content} for content in user]
    return {"model": "any", "messages": messages, **more}


HANG_UP = {"type": "function", "function": {"name": "hang_up"}}


async def test_openais_own_client_reads_the_stream_to_its_end(
    clock: HeldClock, trio_clock: MockClock
) -> None:
    async with asking(clock) as http:
        url = str(http.base_url)
        client = openai.AsyncOpenAI(api_key="none", base_url=url, http_client=http)
        chunks: list[ChatCompletionChunk] = []
        async with client.chat.completions.with_streaming_response.create(
            model="any",
            messages=[{"role": "user", "content": "Bye"}],
            tools=[{"type": "function", "function": {"name": "hang_up"}}],
            stream=True,
        ) as response:
            async for event in httpx2.EventSource(response.http_response):
                if event.data != "[DONE]":
                    chunks.append(ChatCompletionChunk.model_validate_json(event.data))
        models = await client.models.list()
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert deltas[0].role == "assistant"
    assert [delta.content for delta in deltas if delta.content] == ["Good ", "bye.|"]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert [call.function.name for call in calls if call.function] == ["hang_up"]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert [model.id for model in models.data] == ["scripted"]


async def test_a_whole_completion_comes_when_its_stream_would_have_ended(
    clock: HeldClock, trio_clock: MockClock
) -> None:
    async with asking(clock) as client:
        response = await client.post("chat/completions", json=chat("Bye", tools=[HANG_UP]))
        assert trio.current_time() == 1.5
    choice = response.json()["choices"][0]
    assert choice["message"]["content"] == "Good bye.|"
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "hang_up"
    assert choice["finish_reason"] == "tool_calls"


async def test_a_tool_that_was_not_offered_is_not_called(
    clock: HeldClock, trio_clock: MockClock
) -> None:
    async with asking(clock) as client:
        response = await client.post("chat/completions", json=chat("Bye"))
    choice = response.json()["choices"][0]
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "stop"


async def test_only_the_last_line_of_the_last_user_message_is_answered(
    clock: HeldClock, trio_clock: MockClock
) -> None:
    async with asking(clock) as client:
        for user, text in [
            (("Bye", "Something else"), "Pardon?|"),
            (("Bye\nSomething else",), "Pardon?|"),
            (("Something else\nBye",), "Good bye.|"),
        ]:
            response = await client.post("chat/completions", json=chat(*user))
            assert response.json()["choices"][0]["message"]["content"] == text


async def test_a_failure_can_be_scripted(clock: HeldClock, trio_clock: MockClock) -> None:
    async with asking(clock) as client:
        response = await client.post("chat/completions", json=chat("Overloaded", stream=True))
        assert response.status_code == 503
        assert response.json()["error"]["type"] == "server_error"
        # and the connection still works
        response = await client.post("chat/completions", json=chat("Hello"))
        assert response.status_code == 200


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_hangs_sends_its_words_and_never_ends(
    clock: HeldClock, trio_clock: MockClock, stream: bool
) -> None:
    async with asking(clock) as client:
        with pytest.raises(httpx2.ReadTimeout):
            await client.post("chat/completions", json=chat("Think", stream=stream), timeout=60)
        # 60 s after the last data: the second word, or the request
        assert trio.current_time() == (61.5 if stream else 60)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "complaint"),
    [
        ("GET", "nothing", b"", 404, "/v1/nothing is not served"),
        ("GET", "chat/completions", b"", 405, "GET /v1/chat/completions is not served"),
        ("POST", "chat/completions", b"{", 400, "the body is not JSON"),
        ("POST", "chat/completions", b"\xff", 400, "the body is not JSON"),
        ("POST", "chat/completions", b"[]", 400, "messages must be a non-empty list"),
        ("POST", "chat/completions", b'{"messages": []}', 400, "messages must be a non-empty list"),
        ("POST", "chat/completions", b'{"messages": ["x"]}', 400, "messages[0] must have a role"),
        (
            "POST",
            "chat/completions",
            json.dumps(chat("x", tools=["x"])).encode(),
            400,
            "tools must be a list of functions",
        ),
        ("POST", "chat/completions", b" " * 1_000_001, 413, "the body exceeds 1000000 bytes"),
    ],
)
async def test_a_bad_request_is_answered_as_openai_does(
    clock: HeldClock,
    trio_clock: MockClock,
    method: str,
    path: str,
    body: bytes,
    status: int,
    complaint: str,
) -> None:
    async with asking(clock) as client:
        response = await client.request(method, path, content=body)
        assert clock.under_way == 0
    assert response.status_code == status
    error = response.json()["error"]
    assert complaint in error["message"]
    assert error["type"] == "invalid_request_error"


async def conversation(bytes_of: Callable[[trio.StapledStream[Any, Any]], Any]) -> bytes:
    """Return the server's response to these raw bytes, until it closes the connection."""
    ours, theirs = memory_stream_pair()
    answered = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(converse, ANSWERS, Loopback(HeldClock()), theirs)
        await bytes_of(ours)
        async for part in ours:
            answered += part
    return answered


async def test_bytes_that_are_not_http_are_refused_and_the_connection_closed(
    autojump_clock: MockClock,
) -> None:
    async def speak_nonsense(stream: trio.StapledStream[Any, Any]) -> None:
        await stream.send_all(b"HELLO\r\n\r\n")

    answered = await conversation(speak_nonsense)
    assert answered.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_request_sent_while_another_is_answered_waits_its_turn(
    autojump_clock: MockClock,
) -> None:
    body = json.dumps(chat("Hello")).encode()
    request = (
        b"POST /v1/chat/completions?x=1 HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
        % (len(body), body)
    )

    async def ask_twice(stream: trio.StapledStream[Any, Any]) -> None:
        await stream.send_all(request)
        await trio.sleep(0.5)
        await stream.send_all(request.replace(b"host: x", b"connection: close\r\nhost: x"))

    answered = await conversation(ask_twice)
    assert answered.count(b"HTTP/1.1 200 OK") == 2
    assert trio.current_time() == 2.0


@pytest.mark.parametrize("after", [0.0, 1.25, 100.0])
async def test_a_client_that_disconnects_ends_its_request(
    autojump_clock: MockClock, after: float
) -> None:
    body = json.dumps(chat("Think", stream=True)).encode()
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(converse, ANSWERS, Loopback(HeldClock()), theirs)
        await ours.send_all(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
            % (len(body), body)
        )
        await trio.sleep(after)
        await ours.aclose()
    # The nursery has ended, so the server has closed the connection, without a delay.
    assert trio.current_time() == after
