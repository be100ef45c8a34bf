"""Connections over real sockets, with and without TLS, and the errors of failed ones."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from callchart.adapters.grpc.dial import Address, dial
from callchart.adapters.grpc.errors import ConnectionLost
from callchart.adapters.grpc.pool import Pool
from tests.adapters.grpc.echo import EchoServer
from tests.adapters.grpc.messages import ask
from tests.servers.certificates import Certificate

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def listening(
    serve: Callable[[trio.SocketStream], Awaitable[object]], host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Serve each connection to a new port with `serve`, and yield the port."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host=host)
        await nursery.start(trio.serve_listeners, serve, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def failure(address: Address) -> ConnectionLost:
    with trio.fail_after(60), pytest.raises(ConnectionLost) as raised:
        await dial(address)
    assert raised.value.cure
    return raised.value


# --- TCP ----------------------------------------------------------------------------------------


async def test_small_writes_are_sent_without_delay() -> None:
    async with listening(trio.SocketStream.receive_some) as port:
        stream = await dial(Address("127.0.0.1", port))
        assert isinstance(stream, trio.SocketStream)
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await stream.aclose()


async def test_a_missing_server_refuses_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = await failure(Address("127.0.0.1", port))
    assert error.reason == f"127.0.0.1:{port} refused the connection"


@pytest.mark.parametrize("host", ["nowhere.invalid", "two..dots", "a" * 64 + ".test"])
async def test_an_unknown_host_name_is_reported(host: str) -> None:
    assert (await failure(Address(host, 443))).reason == f"{host}:443 was not found"


async def test_an_unreachable_network_is_reported() -> None:
    error = await failure(Address("255.255.255.255", 443))
    assert error.reason.startswith("255.255.255.255:443 cannot be reached: ")


def test_an_address_is_shown_as_host_and_port() -> None:
    assert str(Address("speech.test", 443)) == "speech.test:443"
    assert str(Address("::1", 443)) == "[::1]:443"


# --- TLS ----------------------------------------------------------------------------------------


def serving(certificate: Certificate, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.files["chain"], certificate.files["key"])
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


async def test_calls_are_made_over_tls(certificate: Certificate) -> None:
    files = certificate.files["key"], certificate.files["chain"]
    with trio.fail_after(60), EchoServer.running({}, *files) as server:
        address = Address("localhost", server.port, certificate.trusting)
        async with Pool.open(address) as pool:
            assert len(await ask(pool, "Repeat", b"300 16000")) == 300
        stranger = Address("localhost", server.port, ssl.create_default_context())
        async with Pool.open(stranger) as pool:
            with pytest.raises(ConnectionLost, match="certificate of localhost is not trusted: "):
                await pool.ready()


async def test_a_certificate_for_another_host_is_not_trusted(certificate: Certificate) -> None:
    async with listening(tls(certificate, "h2"), "127.0.0.2") as port:
        error = await failure(Address("127.0.0.2", port, certificate.trusting))
    assert error.reason.startswith("the certificate of 127.0.0.2 is not trusted: ")


def tls(
    certificate: Certificate, *protocols: str
) -> Callable[[trio.SocketStream], Awaitable[None]]:
    """Return a server of TLS that offers these protocols by ALPN."""

    async def serve(tcp: trio.SocketStream) -> None:
        secured = trio.SSLStream(tcp, serving(certificate, *protocols), server_side=True)
        try:
            await secured.do_handshake()
            await secured.receive_some()
        except trio.BrokenResourceError:
            await tcp.aclose()

    return serve


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)])
async def test_a_server_without_http2_is_reported(
    certificate: Certificate, protocols: tuple[str, ...]
) -> None:
    async with listening(tls(certificate, *protocols)) as port:
        error = await failure(Address("localhost", port, certificate.trusting))
    assert error.reason == f"localhost:{port} does not speak HTTP/2 over TLS"


async def test_a_server_that_refuses_http2_is_reported(certificate: Certificate) -> None:
    async def refuse(tcp: trio.SocketStream) -> None:
        await tcp.receive_some()
        await tcp.send_all(b"\x15\3\3\0\2" + b"\2\x78")  # alert: no application protocol

    async with listening(refuse) as port:
        error = await failure(Address("localhost", port, certificate.trusting))
    assert error.reason == f"localhost:{port} does not speak HTTP/2 over TLS"


async def test_a_server_without_tls_is_reported(certificate: Certificate) -> None:
    async def greet(tcp: trio.SocketStream) -> None:
        await tcp.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(greet) as port:
        error = await failure(Address("localhost", port, certificate.trusting))
    assert error.reason == f"no TLS with localhost:{port}: wrong version number"


async def test_a_connection_that_breaks_in_the_tls_handshake_is_reported(
    certificate: Certificate,
) -> None:
    async with listening(trio.SocketStream.aclose) as port:
        error = await failure(Address("localhost", port, certificate.trusting))
    assert error.reason.startswith(f"no TLS with localhost:{port}: ")


async def test_a_cancelled_handshake_leaves_no_socket(certificate: Certificate) -> None:
    asked, closed = trio.Event(), trio.Event()

    async def wait(tcp: trio.SocketStream) -> None:
        while await tcp.receive_some():
            asked.set()
        closed.set()

    with trio.fail_after(60):
        async with listening(wait) as port, trio.open_nursery() as nursery:
            nursery.start_soon(dial, Address("localhost", port, certificate.trusting))
            await asked.wait()
            nursery.cancel_scope.cancel()
        await closed.wait()
