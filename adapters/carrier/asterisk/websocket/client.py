"""A WebSocket that we open to Asterisk, and of which nothing is left when the block is over.

trio-websocket's own `open_websocket` waits without end for a peer that takes the connection and
says nothing, and leaves its TCP socket open where a peer refused or broke off. So the TCP
connection is ours here, and it is closed on every way out."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionRejected, WebSocketConnection, wrap_client_stream

from callchart.adapters.carrier.asterisk.service_nursery import background
from callchart.adapters.carrier.asterisk.websocket.reader import NoHandshake, read
from callchart.adapters.carrier.asterisk.websocket.stream import WrappedStream
from callchart.engine.exception_groups import first_leaf


class DialFailed(Exception):
    """There is no WebSocket; the text says why: "it answered 401", "Connection refused", ..."""


@asynccontextmanager
async def dial(
    url: str,
    *,
    subprotocol: str,
    seconds: float,
    message_bytes: int,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> AsyncIterator[WebSocketConnection]:
    """A WebSocket to `url` (ws: or wss:), for as long as the block.

    It is open within `seconds`, or `DialFailed` is raised. Of the peer's messages, one that is
    longer than `message_bytes` closes it."""
    parts = urlsplit(url)
    peer_left = False
    with trio.CancelScope(deadline=trio.current_time() + seconds) as connecting:

        def leave() -> None:
            nonlocal peer_left
            if connecting.deadline < math.inf:
                peer_left = True
                connecting.cancel()

        async def shake_hands(nursery: trio.Nursery) -> WebSocketConnection:
            ws = await wrap_client_stream(
                nursery,
                _Watched(stream, leave),  # type: ignore[arg-type] # any stream will do
                parts.netloc.rpartition("@")[2],
                parts._replace(scheme="", netloc="", path=parts.path or "/").geturl(),
                subprotocols=[subprotocol],
                extra_headers=list(headers),
                max_message_size=message_bytes,
            )
            connecting.deadline = math.inf
            return ws

        stream = await _connect(url)
        try:
            async with background() as nursery:
                yield await nursery.start(read, shake_hands)
        except ConnectionRejected as rejected:
            raise DialFailed(f"it answered {rejected.status_code}") from None
        except NoHandshake:
            raise DialFailed("its answer is not a WebSocket's") from None
        finally:
            await trio.aclose_forcefully(stream)
    if peer_left:
        raise DialFailed("it closed the connection without an answer")
    if connecting.cancelled_caught:
        raise DialFailed(f"no answer within {seconds:g} s")


class _Watched(WrappedStream):
    """A connection of which the end is told: trio-websocket would wait on for its handshake."""

    def __init__(self, stream: trio.abc.Stream, ended: Callable[[], None]) -> None:
        super().__init__(stream)
        self._ended = ended

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await super().receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        if not data:
            # Whoever waited for the last bytes goes first: they may have been the handshake.
            await trio.lowlevel.cancel_shielded_checkpoint()
            self._ended()
        return data


async def _connect(url: str) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "wss"
    try:
        stream = await trio.open_tcp_stream(host, parts.port or (443 if is_tls else 80))
    except OSError as error:
        raise DialFailed(_reason(error)) from None
    if not is_tls:
        return stream
    tls = ssl.create_default_context()
    secure = trio.SSLStream(stream, tls, server_hostname=host, https_compatible=True)
    try:
        await secure.do_handshake()
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(stream)
        raise DialFailed(f"no TLS: {error.__cause__ or 'the connection broke'}") from None
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secure


def _reason(error: OSError) -> str:
    """The innermost words of an error that may hold one for each address that was tried."""
    cause = first_leaf(error.__cause__ or error)
    told = cause if isinstance(cause, OSError) else error
    return told.strerror or str(told)
