"""The OpenAI adapter keeps a model's contract, and turns every failure into a cause and a cure."""

from __future__ import annotations

import gc
import json
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

from adapters.llm.openai import ENGLISH_PROMPT, INTERRUPTED, OpenAIModel, messages
from adapters.service.clock import HeldClock, RealClock
from adapters.service.demo.answers import Answer, Answers
from adapters.service.demo.loopback import Loopback
from adapters.service.demo.model_server import ModelServer, converse, serve
from engine.data import Said
from engine.ports import LanguageModel, ProviderError
from engine.toolbox import Toolbox
from tests.contracts.language_model import LanguageModelContract, Listener, Script, write

KEY = "sk-secret"


class TestOpenAIModel(LanguageModelContract):
    """The real client, over real sockets, asks the demo's server."""

    @pytest.fixture
    def clock(self) -> MockClock:
        self.held = HeldClock()
        return self.held.trio_clock

    def under_way(self) -> int:
        return self.held.under_way

    @asynccontextmanager
    async def model(self, script: Script) -> AsyncIterator[LanguageModel]:
        answer = Answer(
            "all",
            (),
            script.pieces,
            script.first_piece,
            script.per_piece,
            hang_up=script.ends_call,
            hang=script.hangs,
            fail=503 if script.fails else None,
        )
        loopback = Loopback(self.held)
        async with trio.open_nursery() as nursery:
            server: ModelServer = await nursery.start(serve, Answers((), answer), loopback)
            async with open_model(loopback.transport(), base_url=server.url) as model:
                yield model
            nursery.cancel_scope.cancel()

    async def test_a_server_that_falls_silent_is_given_up_after_ten_seconds(
        self, clock: MockClock
    ) -> None:
        listener = Listener()
        async with self.model(Script(hangs=True)) as model:
            with pytest.raises(ProviderError, match="was silent for 10 s"):
                await model.write([Said("caller", "Polly?")], Toolbox(), listener)
            last, _ = listener.pieces[-1]
            assert trio.current_time() == last + 10
            assert self.under_way() == 0


def open_model(
    transport: httpx2.AsyncBaseTransport | None, base_url: str = "http://model.test/v1"
) -> AbstractAsyncContextManager[OpenAIModel]:
    return OpenAIModel.open(model="parrot", api_key=KEY, base_url=base_url, transport=transport)


@asynccontextmanager
async def provider(
    answer: Callable[[httpx2.Request], httpx2.Response],
) -> AsyncIterator[OpenAIModel]:
    """A model whose provider is a function, without a socket."""
    async with open_model(httpx2.MockTransport(answer)) as model:
        yield model
    gc.collect()  # a generator that was left half-way would complain now


def events(*contents: object) -> httpx2.Response:
    """A stream: text as it is, all else as JSON."""
    lines = (item if isinstance(item, str) else json.dumps(item) for item in contents)
    body = "".join(f"data: {line}\n\n" for line in lines)
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=body)


def delta(finish: str | None = None, **delta: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


FINE = delta(content="Well,")


# --- what the model is asked --------------------------------------------------------------------


async def test_the_model_is_asked_with_the_prompt_the_history_and_a_way_to_hang_up(
    autojump_clock: MockClock,
) -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return events(delta(content="Hm?|"), delta("stop"), "[DONE]")

    async with provider(answer) as model:
        await write(model, [Said("caller", "Polly?")])
    request = json.loads(asked[0].content)
    assert asked[0].url == "http://model.test/v1/chat/completions"
    assert asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert (request["model"], request["stream"]) == ("parrot", True)
    assert request["messages"] == [
        {"role": "system", "content": ENGLISH_PROMPT},
        {"role": "user", "content": "Polly?"},
    ]
    assert [tool["function"]["name"] for tool in request["tools"]] == ["hang_up"]


async def test_a_transport_of_ones_own_is_used_whatever_proxies_the_environment_names(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test")
    async with provider(lambda _: events(FINE, delta("stop"), "[DONE]")) as model:
        listener, _ = await write(model)
    assert listener.text == "Well,"


def test_what_one_side_says_in_a_row_is_one_message_and_interruptions_are_marked() -> None:
    history = (
        Said("agent", "Hello.", reply=1),
        Said("caller", "Are you open?"),
        Said("caller", "On Sunday?"),
        Said("agent", "Well,", reply=2),
        Said("agent", "on Sunday we", reply=2, interrupted=True),
        Said("caller", "Wait."),
    )
    assert messages(history, "Be kind.") == [
        {"role": "system", "content": "Be kind."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Are you open?\nOn Sunday?"},
        {"role": "assistant", "content": "Well,\non Sunday we…[interrupted]"},
        {"role": "user", "content": "Wait."},
    ]


def test_the_prompt_explains_the_marks_and_the_tool_that_the_adapter_uses() -> None:
    for word in ('"|"', INTERRUPTED, "hang_up"):
        assert word in ENGLISH_PROMPT


# --- how the model answers ----------------------------------------------------------------------


async def test_the_hang_up_tool_counts_however_its_call_is_cut_into_events(
    autojump_clock: MockClock,
) -> None:
    def call(**function: str) -> dict[str, Any]:
        return delta(tool_calls=[{"index": 0, "function": function}])

    def answer(request: httpx2.Request) -> httpx2.Response:
        return events(
            delta(role="assistant", content=None),
            call(name="hang_up", arguments=""),
            call(arguments="{"),
            call(arguments="}"),
            delta("tool_calls"),
            {"choices": [], "usage": {"total_tokens": 7}},
            "[DONE]",
        )

    async with provider(answer) as model:
        listener, tools = await write(model)
    assert listener.pieces == []
    assert tools.ends_call


async def test_a_server_that_does_not_end_its_response_holds_up_no_answer(
    autojump_clock: MockClock,
) -> None:
    class Endless(httpx2.AsyncByteStream):
        closed = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield events(delta(content="Hm?|"), delta("stop"), "[DONE]").content
            await trio.sleep_forever()

        async def aclose(self) -> None:
            self.closed = True

    body = Endless()

    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=body)

    async with provider(answer) as model:
        with trio.fail_after(5):
            listener, tools = await write(model)
        assert body.closed
    assert listener.text == "Hm?|"
    assert not tools.ends_call
    assert trio.current_time() == pytest.approx(0.1)


async def test_the_first_answer_needs_no_thread(autojump_clock: MockClock) -> None:
    # The client would look up the platform in one, were it not told beforehand.
    limiter = trio.to_thread.current_default_thread_limiter()
    for number in range(int(limiter.total_tokens)):
        limiter.acquire_on_behalf_of_nowait(number)

    def answer(request: httpx2.Request) -> httpx2.Response:
        return events(FINE, delta("stop"), "[DONE]")

    async with provider(answer) as model:
        with trio.fail_after(1):
            await write(model)


# --- how it fails -------------------------------------------------------------------------------


async def failure_of(answer: Callable[[httpx2.Request], httpx2.Response]) -> ProviderError:
    async with provider(answer) as model:
        with pytest.raises(ProviderError) as failure:
            await write(model)
    logged = "".join(traceback.format_exception(failure.value, limit=0))
    assert KEY not in logged
    assert "marmalade" not in logged.lower()
    return failure.value


@pytest.mark.parametrize(
    ("status", "error", "reason", "cure"),
    [
        (400, {"code": None, "type": "invalid_request_error"}, "400 (invalid_request_error)", "to"),
        (401, {"code": "invalid_api_key"}, "401 (invalid_api_key)", "the key was refused"),
        (403, {"code": "unsupported_country"}, "403 (unsupported_country)", "may not use"),
        (404, {"code": "model_not_found"}, "404 (model_not_found) for model 'parrot'", "the model"),
        (413, {}, "413", "too long for this model"),
        (429, {"code": "rate_limit_exceeded"}, "429 (rate_limit_exceeded)", "too many requests"),
        (429, {"code": "insufficient_quota"}, "429 (insufficient_quota)", "credit is used up"),
        (418, {"code": "Marmalade is not tea"}, "418", "documentation of this status"),
        (500, {"type": "server_error"}, "500 (server_error)", "status page"),
        (503, None, "503", "status page"),
    ],
)
async def test_a_refusal_names_its_status_and_what_to_do(
    autojump_clock: MockClock, status: int, error: dict[str, str] | None, reason: str, cure: str
) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if error is None:
            return httpx2.Response(status, text="<html>Marmalade</html>")
        said = {"message": f"{KEY} asked about Marmalade"}
        return httpx2.Response(status, json={"error": said | error})

    failure = await failure_of(answer)
    assert failure.provider == "openai"
    assert failure.reason == f"model.test answered {reason}"
    assert cure in failure.cure


class _Caused(httpx2.ConnectError):
    """A connection error as the network raises it: with what the system said underneath."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("Marmalade")
        self.__cause__ = OSError("all attempts to connect failed")
        self.__cause__.__cause__ = ExceptionGroup("attempts", [cause])


@pytest.mark.parametrize(
    ("error", "reason", "cure"),
    [
        (_Caused(ConnectionRefusedError()), "refused the connection", "start that server"),
        (_Caused(socket.gaierror()), "was not found", "name server"),
        (_Caused(ssl.SSLError()), "failed the TLS handshake", "certificate"),
        (_Caused(OSError("no route")), "cannot be reached", "network"),
        (httpx2.ConnectTimeout("x"), "did not accept a connection within 3 s", "network"),
        (httpx2.ReadTimeout("x"), "was silent for 10 s", "faster model"),
        (httpx2.PoolTimeout("x"), "is asked by more than 200 calls at once", "more processes"),
        (httpx2.RemoteProtocolError("x"), "broke off the connection", "status page"),
    ],
)
async def test_a_connection_that_fails_says_how(
    autojump_clock: MockClock, error: Exception, reason: str, cure: str
) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise error

    failure = await failure_of(answer)
    assert failure.reason == f"model.test {reason}"
    assert cure in failure.cure


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (events(FINE, "{", delta("stop")), "malformed: an event is not JSON"),
        (events(FINE, "[1]"), "malformed: an event is no part of a chat completion"),
        (events(FINE, {"choices": [{}]}), "malformed: an event is no part of a chat completion"),
        (events(FINE, delta(content=["x"])), "an event is no part of a chat completion"),
        (events(FINE), "malformed: it ended before the answer did"),
        (events(FINE, {"error": {"message": "Marmalade"}}), "gave up while it was writing"),
        (events({"error": {"code": "overloaded"}}), "gave up while it was writing (overloaded)"),
        (events(delta(content=" "), delta("stop"), "[DONE]"), "the answer was empty"),
        (httpx2.Response(200, json={}), "malformed: it has no server-sent events"),
        (httpx2.Response(200), "malformed: it has no server-sent events"),
    ],
)
async def test_a_stream_that_makes_no_sense_is_a_failure(
    autojump_clock: MockClock, response: httpx2.Response, reason: str
) -> None:
    assert reason in (await failure_of(lambda request: response)).reason


async def test_what_came_before_a_stream_broke_was_given(autojump_clock: MockClock) -> None:
    class Breaking(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield events(FINE).content
            raise httpx2.ReadError("reset")

    headers = {"content-type": "text/event-stream"}
    listener = Listener()
    response = httpx2.Response(200, headers=headers, stream=Breaking())
    async with provider(lambda _: response) as model:
        with pytest.raises(ProviderError, match=r"model\.test broke off the connection"):
            await model.write([Said("caller", "Marmalade")], Toolbox(), listener)
    assert listener.text == "Well,"


@pytest.mark.parametrize(
    ("key", "url", "complaint"),
    [
        ("", "http://model.test/v1", "the API key is missing"),
        ("sk-1\n", "http://model.test/v1", "the API key is not a key"),
        ("my key", "http://model.test/v1", "the API key is not a key"),
        ("ключ", "http://model.test/v1", "the API key is not a key"),
        (KEY, "model.test/v1", "the base URL is none"),
        (KEY, "localhost:8000", "the base URL is none"),
        (KEY, "http://", "the base URL is none"),
        (KEY, "http://model.test:port/v1", "the base URL is none"),
    ],
)
async def test_a_key_or_an_address_that_cannot_work_is_refused_before_any_call(
    key: str, url: str, complaint: str
) -> None:
    with pytest.raises(ProviderError, match=complaint) as refusal:
        async with OpenAIModel.open(model="parrot", api_key=key, base_url=url):
            pass
    assert refusal.value.cure
    assert not key or key not in str(refusal.value)


async def test_after_an_event_that_makes_no_sense_nothing_more_is_given(
    autojump_clock: MockClock,
) -> None:
    response = events(FINE, "{", delta(content="more"), delta("stop"), "[DONE]")
    listener = Listener()
    async with provider(lambda _: response) as model:
        with pytest.raises(ProviderError):
            await model.write([Said("caller", "Marmalade")], Toolbox(), listener)
    assert listener.text == "Well,"


# --- sockets -----------------------------------------------------------------------------------


@pytest.mark.real
async def test_cancelling_an_answer_closes_the_connection() -> None:
    spoken, closed = trio.Event(), trio.Event()

    async def answer_without_end(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n"
            await stream.send_all(f"{head}\r\n".encode() + events(FINE).content)
            while await stream.receive_some():
                pass
        closed.set()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, answer_without_end, listeners)
            port = listeners[0].socket.getsockname()[1]
            async with open_model(None, f"http://127.0.0.1:{port}/v1") as model:
                async with trio.open_nursery() as call:
                    question = [Said("caller", "Hm")]
                    call.start_soon(model.write, question, Toolbox(), lambda _: spoken.set())
                    await spoken.wait()
                    call.cancel_scope.cancel()
                # The model is open still, and yet nothing of that answer is.
                await closed.wait()
            nursery.cancel_scope.cancel()


@pytest.mark.real
async def test_turns_share_a_connection_and_closing_the_model_closes_it() -> None:
    connections, closed = [], trio.Event()
    answer = Answer("all", (), ("Well,",), 0.0, 0.0, hang_up=False, hang=False, fail=None)

    async def converse_once(stream: trio.SocketStream) -> None:
        connections.append(stream)
        await converse(Answers((), answer), Loopback(RealClock()), stream)
        closed.set()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, converse_once, listeners)
            port = listeners[0].socket.getsockname()[1]
            async with open_model(None, f"http://127.0.0.1:{port}/v1") as model:
                for _ in range(3):
                    listener, _ = await write(model)
                    assert listener.text == "Well,"
            await closed.wait()
            nursery.cancel_scope.cancel()
    assert len(connections) == 1
