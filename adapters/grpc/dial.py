"""Connecting: TCP to the first address that answers, TLS, and HTTP/2 by ALPN."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from callchart.adapters.grpc.errors import ConnectionLost


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server. `tls` holds the trusted certificates; None connects without TLS."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


#: Opens the stream that carries HTTP/2. Raises `ConnectionLost`.
Dial = Callable[[Address], Awaitable[trio.abc.Stream]]


async def dial(address: Address) -> trio.abc.Stream:
    """Connect over TCP, and over TLS if `address.tls` is set. `Channel` limits the time."""
    try:
        tcp = await trio.open_tcp_stream(address.host, address.port)
    except (socket.gaierror, UnicodeError):
        raise ConnectionLost(
            f"{address} was not found", "check its name, and the name server"
        ) from None
    except OSError as error:
        raise _unreachable(address, error) from None
    return tcp if address.tls is None else await _secured(tcp, address, address.tls)


async def _secured(
    tcp: trio.SocketStream, address: Address, context: ssl.SSLContext
) -> trio.SSLStream[trio.SocketStream]:
    context.set_alpn_protocols(["h2"])
    # HTTP/2 marks the end of each call itself: a close without TLS's close_notify loses nothing.
    secured = trio.SSLStream(tcp, context, server_hostname=address.host, https_compatible=True)
    try:
        await secured.do_handshake()
        if secured.selected_alpn_protocol() != "h2":
            raise _without_http2(address)
    except trio.BrokenResourceError as broken:
        await trio.aclose_forcefully(tcp)
        raise _insecure(address, broken.__cause__) from None
    except BaseException:
        await trio.aclose_forcefully(tcp)
        raise
    return secured


def _insecure(address: Address, cause: BaseException | None) -> ConnectionLost:
    match cause:
        case ssl.SSLCertVerificationError():
            return ConnectionLost(
                f"the certificate of {address.host} is not trusted: {cause.verify_message}",
                "check the address, this machine's clock, and the certificates that it trusts",
            )
        case ssl.SSLError():
            # Use OpenSSL's text without its error code and source line.
            why = re.sub(r"^\[.*?\] | \(_ssl\.c:\d+\)$", "", str(cause.strerror))
            if "no application protocol" in why:
                return _without_http2(address)
        case _:
            why = "the server broke off the handshake"
    return ConnectionLost(f"no TLS with {address}: {why}", "check the port and its server")


def _without_http2(address: Address) -> ConnectionLost:
    return ConnectionLost(
        f"{address} does not speak HTTP/2 over TLS",
        "check the port, and check for a proxy in between",
    )


def _unreachable(address: Address, error: OSError) -> ConnectionLost:
    # Trio's error may be caused by a group: one error for each address of the host.
    causes = getattr(error.__cause__, "exceptions", (error,))
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return ConnectionLost(
            f"{address} refused the connection", "start that server, or correct the address"
        )
    why = next((cause.strerror for cause in causes if cause.strerror), "no reason given")
    return ConnectionLost(f"{address} cannot be reached: {why}", "check the network")
