"""Our WebSocket server accepts expected sockets with the right password, and refuses all others."""

from __future__ import annotations

import base64
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection

from callchart.adapters.carrier.asterisk.settings import ListenSettings
from callchart.adapters.carrier.asterisk.websocket import server as server_module
from callchart.adapters.carrier.asterisk.websocket.client import DialFailed, dial
from callchart.adapters.carrier.asterisk.websocket.server import ListenFailed, WebSocketServer
from tests.asterisk.fixtures import StartAsterisk

pytestmark = pytest.mark.real

LISTEN = ListenSettings(port=0, user="asterisk", password="a-password")


def basic(secret: str) -> bytes:
    return b"Basic " + base64.b64encode(secret.encode())


RIGHT = basic("asterisk:a-password")

HANDSHAKE = (
    b"GET /ari HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: ari\r\nAuthorization: " + RIGHT + b"\r\n\r\n"
)

#: The head of a server's close frame with a code.
CLOSE = b"\x88\x02"

#: A ping frame of a client, masked with zeros.
PING = b"\x89\x80" + bytes(4)


@asynccontextmanager
async def dialled(
    server: WebSocketServer,
    path: str,
    *,
    subprotocol: str = "media",
    authorization: bytes | None = RIGHT,
) -> AsyncIterator[WebSocketConnection]:
    """Dial our server, as Asterisk does."""
    headers = [] if authorization is None else [(b"Authorization", authorization)]
    async with dial(
        f"ws://127.0.0.1:{server.port}{path}",
        subprotocol=subprotocol,
        seconds=5,
        message_bytes=2**23,
        headers=headers,
    ) as ws:
        yield ws


async def refusal(
    server: WebSocketServer,
    path: str = "/media?call=1",
    *,
    subprotocol: str = "media",
    authorization: bytes | None = RIGHT,
) -> str:
    """Return the text of the `DialFailed` that a refused socket raises."""
    with pytest.raises(DialFailed) as refused:
        async with dialled(server, path, subprotocol=subprotocol, authorization=authorization):
            pass
    return str(refused.value)


async def echo(ws: WebSocketConnection) -> None:
    while True:
        await ws.send_message(await ws.get_message())


async def test_a_calls_socket_reaches_the_task_that_waits_for_it() -> None:
    async with (
        WebSocketServer.open(LISTEN) as server,
        server.expect_media("bot-1") as one,
        server.expect_media("bot-2") as other,
        dialled(server, "/media?call=bot-2") as theirs,
        dialled(server, "/media?x=y&call=bot-1") as theirs_too,
    ):
        await (await other()).send_message(b"to 2")
        await (await one()).send_message(b"to 1")
        assert await theirs.get_message() == b"to 2"
        assert await theirs_too.get_message() == b"to 1"
        assert theirs.subprotocol == "media"


async def test_a_socket_that_we_closed_is_not_accepted_again() -> None:
    async with WebSocketServer.open(LISTEN) as server:
        async with server.expect_media("1") as dialling, dialled(server, "/media?call=1") as ws:
            ours = await dialling()
            await ours.send_message("hello")
            assert await ws.get_message() == "hello"
            await ours.aclose()
            with pytest.raises(ConnectionClosed), trio.fail_after(60):
                await ws.get_message()
        assert await refusal(server) == "it answered 404"


async def test_the_end_of_a_call_closes_its_socket() -> None:
    async with WebSocketServer.open(LISTEN) as server, trio.open_nursery() as nursery:
        taken, end = trio.Event(), trio.Event()

        async def call() -> None:
            async with server.expect_media("1") as dialling:
                await dialling()
                taken.set()
                await end.wait()

        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        async with dialled(server, "/media?call=1") as ws:
            await taken.wait()
            end.set()
            with pytest.raises(ConnectionClosed), trio.fail_after(60):
                await ws.get_message()


async def test_control_sockets_are_accepted_while_control_is_served() -> None:
    async with WebSocketServer.open(LISTEN) as server:
        with server.serve_control(echo):
            async with dialled(server, "/ari", subprotocol="ari") as ws:
                await ws.send_message("hello")
                assert await ws.get_message() == "hello"
        assert await refusal(server, "/ari", subprotocol="ari") == "it answered 404"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        b"",
        b"Basic",
        b"Basic !!!",
        b"Bearer " + RIGHT.removeprefix(b"Basic "),
        basic("asterisk:wrong"),
        basic("other:a-password"),
        basic("asterisk:a-password "),
        "Basic \N{SNOWMAN}".encode(),
    ],
)
async def test_a_wrong_password_is_refused(
    authorization: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with WebSocketServer.open(LISTEN) as server, server.expect_media("1"):
        for _ in range(3):
            assert await refusal(server, authorization=authorization) == "it answered 401"
    (line,) = caplog.messages
    assert line.startswith("WebSocket refused with 401: wrong user or password")
    assert "a-password" not in line


async def test_the_scheme_of_the_password_may_have_any_case() -> None:
    async with WebSocketServer.open(LISTEN) as server, server.expect_media("1"):
        shown = RIGHT.replace(b"Basic", b"basic ")
        async with dialled(server, "/media?call=1", authorization=shown):
            pass


@pytest.mark.parametrize(
    ("path", "subprotocol", "answer", "why"),
    [
        ("/", "media", 404, "must be /ari or /media"),
        ("/media/1", "media", 404, "must be /ari or /media"),
        ("/media", "media", 404, "no call waits for this media socket"),
        ("/media?call=2", "media", 404, "no call waits for this media socket"),
        ("/media?call=1", "ari", 400, "the subprotocol must be media"),
        ("/ari", "ari", 404, "no control socket is expected"),
    ],
)
async def test_an_unexpected_socket_is_refused(
    path: str, subprotocol: str, answer: int, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with WebSocketServer.open(LISTEN) as server, server.expect_media("1"):
        refused = await refusal(server, path, subprotocol=subprotocol)
    assert refused == f"it answered {answer}"
    assert why in caplog.text


async def test_control_without_its_subprotocol_is_refused() -> None:
    async with WebSocketServer.open(LISTEN) as server:
        with server.serve_control(echo):
            assert await refusal(server, "/ari", subprotocol="media") == "it answered 400"


async def test_a_call_has_one_socket() -> None:
    async with (
        WebSocketServer.open(LISTEN) as server,
        server.expect_media("1") as dialling,
        dialled(server, "/media?call=1") as theirs,
    ):
        assert await refusal(server) == "it answered 409"
        await (await dialling()).send_message("still there")
        assert await theirs.get_message() == "still there"


async def test_a_silent_peer_is_closed_and_does_not_delay_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_SECONDS", 0.2)
    async with WebSocketServer.open(LISTEN) as server, server.expect_media("1"):
        silent = await trio.open_tcp_stream("127.0.0.1", server.port)
        slow = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with silent, slow:
            await slow.send_all(b"GET /media?call=1 HTTP/1.1\r\nHost: x\r\n")
            async with dialled(server, "/media?call=1"):
                pass
            with trio.fail_after(60):
                assert await silent.receive_some() == b""
                assert await slow.receive_some() == b""
    assert caplog.messages == ["WebSocket connection closed: timeout, no handshake within 0.2 s"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /media HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000,
        b"\r\n" * 100,
        HANDSHAKE.replace(b"Host: x", b"Host: \xff"),
        HANDSHAKE.replace(b"Connection: upgrade", b"Connection: \xff"),
        HANDSHAKE.replace(b"Protocol: ari", b"Protocol: \xff"),
        b"",
    ],
)
async def test_garbage_does_not_affect_other_sockets(
    garbage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_SECONDS", 0.2)
    async with WebSocketServer.open(LISTEN) as server, server.expect_media("1"):
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            with trio.fail_after(60):
                try:
                    await stream.send_all(garbage)
                    await stream.send_eof()
                    while await stream.receive_some():
                        pass
                except trio.BrokenResourceError:
                    pass
        async with dialled(server, "/media?call=1"):
            pass


async def test_a_peer_that_breaks_off_does_not_affect_other_sockets() -> None:
    async with WebSocketServer.open(LISTEN) as server:
        with server.serve_control(echo):
            for _ in range(20):
                stream = await trio.open_tcp_stream("127.0.0.1", server.port)
                stream.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                await stream.send_all(HANDSHAKE)
                await trio.aclose_forcefully(stream)
            async with dialled(server, "/ari", subprotocol="ari") as ws:
                await ws.send_message("hello")
                assert await ws.get_message() == "hello"


async def test_a_peer_that_does_not_speak_websocket_is_closed_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        WebSocketServer.open(LISTEN) as server,
        await trio.open_tcp_stream("127.0.0.1", server.port) as stream,
    ):
        await stream.send_all(HANDSHAKE.replace(b"Host: x", b"Host: \xff"))
        with trio.fail_after(60):
            assert await stream.receive_some() == b""
    assert caplog.messages == [
        "WebSocket connection closed: the peer's first bytes are not a WebSocket handshake"
    ]


async def test_a_ping_that_crosses_our_close_raises_nothing() -> None:
    async def close(ws: WebSocketConnection) -> None:
        with trio.move_on_after(0.1):
            await ws.aclose()

    async with WebSocketServer.open(LISTEN) as server:
        with server.serve_control(close):
            async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
                await stream.send_all(HANDSHAKE)
                with trio.fail_after(60):
                    received = b""
                    while CLOSE not in received:
                        received += await stream.receive_some()
                    await stream.send_all(PING)
                    assert await stream.receive_some() == b""
            async with dialled(server, "/ari", subprotocol="ari") as ws:
                with trio.fail_after(60), pytest.raises(ConnectionClosed):
                    await ws.get_message()


async def test_a_port_in_use_raises_one_error_with_the_cure() -> None:
    async with WebSocketServer.open(LISTEN) as server:
        taken = ListenSettings(port=server.port, password="a-password")
        with pytest.raises(
            ListenFailed, match=rf":{server.port}: .* in use; stop the other service"
        ):
            async with WebSocketServer.open(taken):
                pass


async def test_a_real_asterisk_dials_for_the_media_of_a_call(start_asterisk: StartAsterisk) -> None:
    # The tests' websocket_client.conf has these values.
    listen = ListenSettings(port=0, user="asterisk", password="secret")
    async with (
        WebSocketServer.open(listen) as server,
        start_asterisk(media_url=f"ws://127.0.0.1:{server.port}/media") as asterisk,
        server.expect_media("bot 1") as dialling,
    ):
        await asterisk.ari(
            "POST",
            "channels/externalMedia",
            app=asterisk.app,
            channelId="bot-1.media",
            external_host="media",
            transport="websocket",
            encapsulation="none",
            format="slin16",
            transport_data="f(json)v(call=bot%201)",
        )
        with trio.fail_after(60):
            ws = await dialling()
            assert "MEDIA_START" in str(await ws.get_message())
