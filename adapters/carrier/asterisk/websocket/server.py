"""Our WebSocket server, which Asterisk dials: for control at /ari, for a call's audio at /media.

Every connection runs in its own task. The server accepts a connection only with the right user and
password, and only if control or a call waits for it. It closes the connection when control or the
call does not need it any more."""

from __future__ import annotations

import secrets
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final, Self
from urllib.parse import parse_qs

import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    wrap_server_stream,
)

from callchart.adapters.carrier.asterisk.failure import AsteriskFailure
from callchart.adapters.carrier.asterisk.rate_limited_log import RateLimitedLog
from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery
from callchart.adapters.carrier.asterisk.settings import ListenSettings
from callchart.adapters.carrier.asterisk.websocket.reader import HandshakeFailed, run_reader
from callchart.adapters.carrier.asterisk.websocket.stream_proxy import StreamProxy

#: The longest message; a longer one closes the socket. Asterisk's longest messages list channels,
#: on the control socket: a channel takes 900 bytes.
MESSAGE_BYTES: Final = 2**23

#: Time limit from the connection to the end of the handshake; Asterisk needs milliseconds.
HANDSHAKE_SECONDS: Final = 5.0


class ListenFailed(AsteriskFailure):
    """Our server cannot listen on its address."""


class WebSocketServer:
    """The server that Asterisk's sockets dial. It listens on `port`."""

    def __init__(self, listen: ListenSettings, port: int) -> None:
        self.port = port
        self._expected_token = b64encode(f"{listen.user}:{listen.password}".encode())
        self._control: Callable[[WebSocketConnection], Awaitable[None]] | None = None
        self._expected_media: dict[str, _ExpectedMedia] = {}
        self._limited_log = RateLimitedLog()

    @classmethod
    @asynccontextmanager
    async def open(cls, listen: ListenSettings) -> AsyncIterator[Self]:
        """Listen for the length of the block. Raises `ListenFailed`."""
        try:
            listeners = await trio.open_tcp_listeners(listen.port, host=listen.host)
        except OSError as error:
            raise ListenFailed(
                f"cannot listen on {listen.host}:{listen.port}: {error.strerror or error}",
                "stop the other service on that port, or correct asterisk.listen",
            ) from None
        server = cls(listen, listeners[0].socket.getsockname()[1])
        async with open_service_nursery() as nursery:
            await nursery.start(partial(trio.serve_listeners, server._serve, listeners))
            yield server

    @contextmanager
    def serve_control(
        self, handler: Callable[[WebSocketConnection], Awaitable[None]]
    ) -> Iterator[None]:
        """Accept control sockets in the block, and run `handler` with each."""
        self._control = handler
        try:
            yield
        finally:
            self._control = None

    @asynccontextmanager
    async def expect_media(
        self, call: str
    ) -> AsyncIterator[Callable[[], Awaitable[WebSocketConnection]]]:
        """Accept one socket to /media?call=`call`, and yield a function that waits for it.

        The end of the block closes the socket."""
        expected = self._expected_media[call] = _ExpectedMedia()
        try:
            yield expected.dialled
        finally:
            del self._expected_media[call]
            with trio.CancelScope(shield=True):
                await expected.end()

    async def _serve(self, stream: trio.SocketStream) -> None:
        try:
            async with trio.open_nursery() as nursery:
                request: WebSocketRequest | None = None
                with trio.move_on_after(HANDSHAKE_SECONDS):
                    request = await nursery.start(
                        run_reader,
                        partial(
                            wrap_server_stream,
                            stream=_PromptStream(stream),
                            max_message_size=MESSAGE_BYTES,
                        ),
                    )
                if request is None:
                    self._limited_log.warning(
                        "WebSocket connection closed: timeout, no handshake within"
                        f" {HANDSHAKE_SECONDS:g} s"
                    )
                else:
                    await self._route(request)
                nursery.cancel_scope.cancel()
        except* ConnectionClosed:
            pass  # the peer left during the handshake
        except* HandshakeFailed:
            self._limited_log.warning(
                "WebSocket connection closed: the peer's first bytes are not a WebSocket handshake"
            )
        finally:
            await trio.aclose_forcefully(stream)

    async def _route(self, request: WebSocketRequest) -> None:
        path, _, query = request.path.partition("?")
        if not self._is_authorized(request):
            await self._refuse(
                request,
                401,
                "wrong user or password; set username and password in Asterisk's"
                " websocket_client.conf to those of asterisk.listen",
            )
        elif path == "/ari":
            await self._accept_control(request)
        elif path == "/media":
            await self._accept_media(request, parse_qs(query).get("call", [""])[0])
        else:
            await self._refuse(request, 404, "the path must be /ari or /media")

    async def _accept_control(self, request: WebSocketRequest) -> None:
        if self._control is None:
            await self._refuse(request, 404, "no control socket is expected")
        elif "ari" not in request.proposed_subprotocols:
            await self._refuse(request, 400, "the subprotocol must be ari; set protocols=ari")
        else:
            ws = await request.accept(subprotocol="ari")
            if self._control is not None:
                await self._control(ws)

    async def _accept_media(self, request: WebSocketRequest, call: str) -> None:
        expected = self._expected_media.get(call)
        if expected is None:
            await self._refuse(request, 404, "no call waits for this media socket")
        elif "media" not in request.proposed_subprotocols:
            await self._refuse(request, 400, "the subprotocol must be media; set protocols=media")
        elif expected.is_taken:
            await self._refuse(request, 409, "the call has a media socket already")
        else:
            await expected.take(request)

    def _is_authorized(self, request: WebSocketRequest) -> bool:
        for name, value in request.headers:
            if name.lower() == b"authorization":
                scheme, _, token = value.partition(b" ")
                return scheme.lower() == b"basic" and secrets.compare_digest(
                    token.strip(), self._expected_token
                )
        return False

    async def _refuse(self, request: WebSocketRequest, status: int, why: str) -> None:
        self._limited_log.warning(f"WebSocket refused with {status}: {why}")
        headers = [(b"WWW-Authenticate", b'Basic realm="callchart"')] if status == 401 else []
        await request.reject(status, extra_headers=headers, body=why.encode())


class _ExpectedMedia:
    """The media socket that a call waits for."""

    def __init__(self) -> None:
        self.is_taken = False
        self._ws: WebSocketConnection | None = None
        self._open = trio.Event()
        self._done = trio.Event()
        self._closed = trio.Event()
        self._closed.set()

    async def dialled(self) -> WebSocketConnection:
        await self._open.wait()
        assert self._ws is not None
        return self._ws

    async def take(self, request: WebSocketRequest) -> None:
        """Accept the socket, and keep it open until `end`."""
        self.is_taken = True
        self._closed = trio.Event()
        try:
            self._ws = await request.accept(subprotocol="media")
            self._open.set()
            await self._done.wait()
        finally:
            # A peer that left during the handshake may retry.
            self.is_taken = self._open.is_set()
            self._closed.set()

    async def end(self) -> None:
        self._done.set()
        await self._closed.wait()


class _PromptStream(StreamProxy):
    """A connection that Asterisk opened.

    Asterisk sends without TCP_NODELAY: a write waits until we have acknowledged the one before. Our
    kernel delays an acknowledgement by 40 ms, unless TCP_QUICKACK is set again after each read."""

    def __init__(self, stream: trio.SocketStream) -> None:
        super().__init__(stream)
        self._socket = stream.socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await super().receive_some(max_bytes)
        if hasattr(socket, "TCP_QUICKACK"):  # Linux
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data
