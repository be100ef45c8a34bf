"""A WebSocket that we open to Asterisk, and of which nothing is left when the block is over.

trio-websocket's own `open_websocket` waits without end for a peer that takes the connection and
says nothing, and leaves its TCP socket open where a peer refused or broke off. So the TCP
connection is ours here, and it is closed on every way out."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionRejected, WebSocketConnection, wrap_client_stream

from adapters.carrier.asterisk.background import background


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
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[WebSocketConnection]:
    """A WebSocket to `url` (ws: or wss:), for as long as the block.

    It is open within `seconds`, or `DialFailed` is raised. Of the peer's messages, one that is
    longer than `message_bytes` closes it. `tls` is for a certificate of the operator's own."""
    parts = urlsplit(url)
    with trio.CancelScope(deadline=trio.current_time() + seconds) as connecting:
        stream = await _connect(url, tls)
        try:
            async with background() as nursery:
                ws = await wrap_client_stream(
                    nursery,
                    stream,
                    parts.netloc.rpartition("@")[2],
                    parts._replace(scheme="", netloc="", path=parts.path or "/").geturl(),
                    subprotocols=[subprotocol],
                    extra_headers=list(headers),
                    max_message_size=message_bytes,
                )
                connecting.deadline = math.inf
                yield ws
        except ConnectionRejected as rejected:
            raise DialFailed(f"it answered {rejected.status_code}") from None
        finally:
            await trio.aclose_forcefully(stream)
    if connecting.cancelled_caught:
        raise DialFailed(f"no answer within {seconds:g} s")


async def _connect(
    url: str, tls: ssl.SSLContext | None
) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "wss"
    try:
        stream = await trio.open_tcp_stream(host, parts.port or (443 if is_tls else 80))
    except OSError as error:
        raise DialFailed(_reason(error)) from None
    if not is_tls:
        return stream
    tls = tls or ssl.create_default_context()
    secure = trio.SSLStream(stream, tls, server_hostname=host, https_compatible=True)
    try:
        await secure.do_handshake()
    except BaseException as error:
        await trio.aclose_forcefully(stream)
        if isinstance(error, trio.BrokenResourceError):
            raise DialFailed(f"no TLS: {error.__cause__ or 'the connection broke'}") from None
        raise
    return secure


def _reason(error: OSError) -> str:
    """The innermost words of an error that may hold one for each address that was tried."""
    group = error.__cause__
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    told = group if isinstance(group, OSError) else error
    return told.strerror or str(told)
