"""Connections to a model's server, on real sockets and the real clock."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio

from callchart.adapters.llm.openai import OpenAIModel
from callchart.adapters.service.demo.answers import Answers, DemoAnswer
from callchart.adapters.service.demo.clock import RealClock
from callchart.adapters.service.demo.loopback import Loopback
from callchart.adapters.service.demo.model_server import converse
from callchart.engine.data import Said
from callchart.engine.ports import ProviderError
from tests.adapters.llm.scripted import KEY, Stock, delta
from tests.contracts.language_model import Listener, write

pytestmark = pytest.mark.real

ASKED = [Said("caller", "Polly?")]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n"
WELL = f"data: {json.dumps(delta(content='Well, '))}\n\n".encode()


def model_at(url: str) -> AbstractAsyncContextManager[OpenAIModel]:
    # Timeouts that a busy machine does not reach.
    return OpenAIModel.open(
        model="parrot", api_key=KEY, base_url=url, first_token_s=30.0, between_tokens_s=30.0
    )


@asynccontextmanager
async def serving(converse: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[str]:
    """Serve each connection with `converse`, and yield the address."""
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            await nursery.start(trio.serve_listeners, converse, listeners)
            yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/v1"
            nursery.cancel_scope.cancel()


async def failure_at(url: str, listener: Listener) -> ProviderError:
    async with model_at(url) as model:
        with pytest.raises(ProviderError) as failure:
            await model.write(ASKED, Stock(), listener)
    assert KEY not in str(failure.value)
    return failure.value


async def test_cancelling_an_answer_closes_its_connection() -> None:
    spoken, closed = trio.Event(), trio.Event()

    async def answer_without_end(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(HEAD + WELL)
            while await stream.receive_some():
                pass
        closed.set()

    async with serving(answer_without_end) as url, model_at(url) as model:
        async with trio.open_nursery() as call:
            call.start_soon(model.write, ASKED, Stock(), lambda _: spoken.set())
            await spoken.wait()
            call.cancel_scope.cancel()
        # The model is still open; only the connection of this answer is closed.
        await closed.wait()


async def test_turns_share_a_connection_that_closes_with_the_model() -> None:
    connections, closed = [], trio.Event()
    answer = DemoAnswer("all", (), ("Well,",), 0.0, 0.0, hang_up=False, hang=False, fail=None)

    async def answer_each(stream: trio.SocketStream) -> None:
        connections.append(stream)
        await converse(Answers((), answer), Loopback(RealClock()), stream)
        closed.set()

    async with serving(answer_each) as url:
        async with model_at(url) as model:
            for _ in range(3):
                listener, _ = await write(model)
                assert listener.text == "Well,"
        await closed.wait()
    assert len(connections) == 1


async def test_an_answer_succeeds_after_the_server_closed_the_idle_connection() -> None:
    answer = DemoAnswer("all", (), ("Well,",), 0.0, 0.0, hang_up=False, hang=False, fail=None)
    streams: list[trio.SocketStream] = []

    async def answer_each(stream: trio.SocketStream) -> None:
        streams.append(stream)
        with trio.CancelScope() as scope:
            drops.append(scope)
            await converse(Answers((), answer), Loopback(RealClock()), stream)

    drops: list[trio.CancelScope] = []
    async with serving(answer_each) as url, model_at(url) as model:
        await write(model)
        drops[0].cancel()
        listener, _ = await write(model)
        assert model.counters.failures == 0
    assert listener.text == "Well,"
    assert len(streams) == 2


async def test_a_refused_connection_names_the_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        failure = await failure_at(f"http://127.0.0.1:{port}/v1", Listener())
    assert failure.reason == f"127.0.0.1:{port} refused the connection"
    assert failure.cure == "start that server, or correct the base URL"


async def test_https_to_a_plain_http_server_fails_the_handshake() -> None:
    async def answer_in_plain_http(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(answer_in_plain_http) as url:
        failure = await failure_at(url.replace("http:", "https:"), Listener())
    assert "failed the TLS handshake" in failure.reason
    assert "https in base URL" in failure.cure


@pytest.mark.parametrize("is_reset", [True, False], ids=["killed", "closed"])
async def test_a_connection_lost_in_mid_answer_is_not_retried(
    is_reset: bool,
) -> None:
    connections = 0

    async def break_off(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        await stream.receive_some()
        await stream.send_all(HEAD + WELL)
        await spoken.wait()
        if is_reset:  # a linger of 0 s: a reset, as the kernel sends for a dead process
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(stream)

    spoken = trio.Event()

    class Speaker(Listener):
        def __call__(self, piece: str) -> None:
            super().__call__(piece)
            spoken.set()

    async with serving(break_off) as url:
        listener = Speaker()
        failure = await failure_at(url, listener)
    assert "broke off the connection" in failure.reason
    assert listener.text == "Well, "
    assert connections == 1


async def test_a_server_that_does_not_speak_http_raises_an_error() -> None:
    async def answer_in_smtp(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"220 mail.test ESMTP\r\n")

    async with serving(answer_in_smtp) as url:
        failure = await failure_at(url, Listener())
    assert "broke off the connection" in failure.reason
