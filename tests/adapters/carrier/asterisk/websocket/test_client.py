"""A WebSocket that we open: its failures, and the end of its TCP connection.

Python warns about a socket that stays open, and that warning fails the test."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    serve_websocket,
)
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Request

from callchart.adapters.carrier.asterisk.websocket.client import DialFailed, dial

pytestmark = pytest.mark.real

#: A ping frame of a server.
PING = b"\x89\x00"

connect = partial(dial, subprotocol="media", seconds=5.0, message_bytes=1000)


@asynccontextmanager
async def tcp(handle: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[str]:
    """Serve TCP connections with `handle`, as a peer that breaks the protocol."""
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        yield f"127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def websocket(
    accept: Callable[[WebSocketRequest], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(serve_websocket, accept, "127.0.0.1", 0, tls, disconnect_timeout=0.1)
        )
        yield f"127.0.0.1:{server.port}"
        nursery.cancel_scope.cancel()


async def echo(request: WebSocketRequest) -> None:
    """Send the request's path, then echo every message."""
    ws: WebSocketConnection = await request.accept(subprotocol=request.proposed_subprotocols[0])
    with suppress(ConnectionClosed):
        await ws.send_message(request.path)
        while True:
            await ws.send_message(await ws.get_message())


async def silence(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize("path", ["/media/1", "/p?q=1&r=2", "/"])
async def test_the_path_and_the_query_of_the_url_are_requested(path: str) -> None:
    async with websocket(echo) as address, connect(f"ws://{address}{path}") as ws:
        assert await ws.get_message() == path
        await ws.send_message(b"sound")
        assert await ws.get_message() == b"sound"
        assert ws.subprotocol == "media"


async def test_a_url_without_a_path_requests_the_root() -> None:
    async with websocket(echo) as address, connect(f"ws://{address}") as ws:
        assert await ws.get_message() == "/"


async def test_headers_reach_the_peer() -> None:
    async def accept(request: WebSocketRequest) -> None:
        if (b"authorization", b"Basic abc") in request.headers:
            await echo(request)
        else:
            await request.reject(401)

    async with websocket(accept) as address:
        async with connect(f"ws://{address}", headers=[(b"Authorization", b"Basic abc")]) as ws:
            await ws.get_message()
        with pytest.raises(DialFailed, match="it answered 401"):
            async with connect(f"ws://{address}"):
                pass


async def test_a_refused_connection_has_the_systems_message() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
    with pytest.raises(DialFailed, match="Connection refused"):
        async with connect(f"ws://localhost:{port}"):
            pass


async def test_a_silent_peer_times_out() -> None:
    async with tcp(silence) as address:
        before = trio.current_time()
        with pytest.raises(DialFailed, match=r"no answer within 0\.1 s"):
            async with connect(f"ws://{address}", seconds=0.1):
                pass
        assert trio.current_time() - before < 0.5


async def test_a_peer_that_closes_the_connection_fails_the_handshake() -> None:
    async def leave(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.aclose()

    with trio.fail_after(60):
        async with tcp(leave) as address:
            with pytest.raises(DialFailed, match="it closed the connection without an answer"):
                async with connect(f"ws://{address}"):
                    pass


@pytest.mark.parametrize(
    "answer",
    [
        b"SIP/2.0 200 OK\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"A" * 100_000,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: \xff\r\n\r\n",
        b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
    ],
)
async def test_a_peer_that_does_not_speak_websocket_fails_the_handshake(
    answer: bytes,
) -> None:
    async def greet(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await stream.receive_some()
            await stream.send_all(answer)
            await trio.sleep_forever()

    with trio.fail_after(60):
        async with tcp(greet) as address:
            with pytest.raises(DialFailed, match="its answer is not a WebSocket handshake"):
                async with connect(f"ws://{address}"):
                    pass


async def test_a_ping_that_crosses_our_close_raises_nothing() -> None:
    async def ping_late(stream: trio.SocketStream) -> None:
        theirs = WSConnection(ConnectionType.SERVER)
        while theirs.state is not ConnectionState.CLOSED:
            theirs.receive_data(await stream.receive_some())
            for event in theirs.events():
                if isinstance(event, Request):
                    await stream.send_all(theirs.send(AcceptConnection()))
                elif isinstance(event, CloseConnection):
                    await stream.send_all(PING + theirs.send(event.response()))

    async with tcp(ping_late) as address, connect(f"ws://{address}") as ws:
        with trio.move_on_after(0.1):  # our code limits the wait for the peer's close too
            await ws.aclose()
        with trio.fail_after(60), pytest.raises(ConnectionClosed):
            await ws.get_message()


async def test_the_connect_timeout_does_not_limit_the_block() -> None:
    async with websocket(echo) as address, connect(f"ws://{address}", seconds=0.1) as ws:
        await trio.sleep(0.2)
        await ws.send_message(b"still here")


async def test_a_message_that_is_too_long_closes_the_socket() -> None:
    async with websocket(echo) as address, connect(f"ws://{address}") as ws:
        await ws.get_message()
        await ws.send_message(bytes(1001))
        with pytest.raises(ConnectionClosed, match="1009"):
            await ws.get_message()


async def test_a_peer_that_breaks_off_leaves_no_socket() -> None:
    async def accept(request: WebSocketRequest) -> None:
        ws = await request.accept()
        await trio.aclose_forcefully(ws._stream)

    async with websocket(accept) as address, connect(f"ws://{address}") as ws:
        with pytest.raises(ConnectionClosed):
            await ws.get_message()


async def test_unread_messages_do_not_delay_the_end_of_the_block() -> None:
    async def accept(request: WebSocketRequest) -> None:
        ws = await request.accept()
        with suppress(ConnectionClosed):
            while True:
                await ws.send_message(b"sound")

    with trio.fail_after(60):
        async with websocket(accept) as address, connect(f"ws://{address}"):
            await trio.sleep(0.05)


async def test_an_error_of_the_block_is_raised_unchanged() -> None:
    async with websocket(echo) as address:
        with pytest.raises(KeyError) as raised:
            async with connect(f"ws://{address}"):
                raise KeyError from OSError("mine")
    assert str(raised.value.__cause__) == "mine"


async def test_cancelling_the_block_closes_the_socket() -> None:
    async with websocket(echo) as address:
        with trio.move_on_after(0.05) as scope:
            async with connect(f"ws://{address}"):
                await trio.sleep_forever()
        assert scope.cancelled_caught


async def test_a_certificate_of_a_trusted_authority_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(served)
    trusted = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(str(trusted))
    async with websocket(echo, served) as address:
        port = address.rpartition(":")[2]
        with pytest.raises(DialFailed, match=r"no TLS: .*certificate"):
            async with connect(f"wss://localhost:{port}/media"):
                pass
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        async with connect(f"wss://localhost:{port}/media") as ws:
            assert await ws.get_message() == "/media"


async def test_a_peer_without_tls_is_reported() -> None:
    async def greet(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with tcp(greet) as address:
        with pytest.raises(DialFailed, match="no TLS: "):
            async with connect(f"wss://{address}"):
                pass


async def test_a_peer_that_does_not_answer_tls_times_out() -> None:
    async with tcp(silence) as address:
        with pytest.raises(DialFailed, match="no answer within"):
            async with connect(f"wss://{address}", seconds=0.1):
                pass
