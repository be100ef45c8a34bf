"""A WebSocket that we open to Asterisk, and close on every exit of the block.

trio-websocket's own `open_websocket` waits without limit for a peer that accepts the connection and
sends nothing. It also leaves its TCP socket open after a refusal or a broken connection. So this
module opens the TCP connection itself, and always closes it."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionRejected, WebSocketConnection, wrap_client_stream

from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery
from callchart.adapters.carrier.asterisk.websocket.reader import HandshakeFailed, run_reader
from callchart.adapters.carrier.asterisk.websocket.stream_proxy import StreamProxy
from callchart.engine.exception_groups import first_leaf


class DialFailed(Exception):
    """The WebSocket could not be opened. The text gives the cause: "it answered 401", ..."""


@asynccontextmanager
async def dial(
    url: str,
    *,
    subprotocol: str,
    seconds: float,
    message_bytes: int,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> AsyncIterator[WebSocketConnection]:
    """Open a WebSocket to `url` (ws: or wss:) for the length of the block.

    Raises `DialFailed` if it is not open within `seconds`. A message of the peer that is longer
    than `message_bytes` closes the socket."""
    parts = urlsplit(url)
    peer_left = False
    with trio.CancelScope(deadline=trio.current_time() + seconds) as connecting:

        def fail_handshake() -> None:
            nonlocal peer_left
            if connecting.deadline < math.inf:
                peer_left = True
                connecting.cancel()

        async def shake_hands(nursery: trio.Nursery) -> WebSocketConnection:
            ws = await wrap_client_stream(
                nursery,
                _Watched(stream, fail_handshake),  # type: ignore[arg-type] # any stream will do
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
            async with open_service_nursery() as nursery:
                yield await nursery.start(run_reader, shake_hands)
        except ConnectionRejected as rejected:
            raise DialFailed(f"it answered {rejected.status_code}") from None
        except HandshakeFailed:
            raise DialFailed("its answer is not a WebSocket handshake") from None
        finally:
            await trio.aclose_forcefully(stream)
    if peer_left:
        raise DialFailed("it closed the connection without an answer")
    if connecting.cancelled_caught:
        raise DialFailed(f"no answer within {seconds:g} s")


class _Watched(StreamProxy):
    """A connection that reports its end: trio-websocket's handshake does not notice it."""

    def __init__(self, stream: trio.abc.Stream, ended: Callable[[], None]) -> None:
        super().__init__(stream)
        self._ended = ended

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await super().receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        if not data:
            # Let the reader of the last bytes run first: they may complete the handshake.
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
    """Return the system's own text. The cause may be a group: one error for each address."""
    cause = first_leaf(error.__cause__ or error)
    innermost = cause if isinstance(cause, OSError) else error
    return innermost.strerror or str(innermost)
