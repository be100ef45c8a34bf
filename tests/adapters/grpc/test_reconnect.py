"""An official server is killed, stopped and restarted, and limits the age of connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
import trio

from callchart.adapters.grpc.errors import ConnectionLost, RpcError
from callchart.adapters.grpc.pool import Pool
from tests.adapters.grpc.echo import EchoServer, hanging
from tests.adapters.grpc.messages import Raw, ask, asks, rest, talks

pytestmark = pytest.mark.real


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with EchoServer.running() as server:
        yield server


async def until_it_fails(pool: Pool) -> None:
    """Call until a call fails. A stopping server answers CANCELLED until its port is closed."""
    with suppress(RpcError):
        while True:
            await ask(pool, "Count")


async def until_it_answers(pool: Pool) -> None:
    """Call until a call succeeds."""
    while True:
        with suppress(ConnectionLost):
            await ask(pool, "Count")
            return


async def test_a_killed_server_fails_its_calls_and_is_reconnected_after_its_restart(
    server: EchoServer,
) -> None:
    with trio.fail_after(60):
        async with Pool.open(server.address) as pool:
            async with pool.stream(talks("Chat")) as one, pool.stream(talks("Chat")) as other:
                for stream in (one, other):
                    await stream.send(Raw(b"x"))
                    await stream.receive()
                server.kill()
                for stream in (one, other):
                    with pytest.raises(ConnectionLost):
                        await stream.receive()
            await until_it_fails(pool)
            server.start()
            await until_it_answers(pool)


async def test_calls_end_normally_while_the_server_stops(server: EchoServer) -> None:
    with trio.fail_after(60):
        async with Pool.open(server.address) as pool, pool.stream(talks("Chat")) as stream:
            await stream.send(Raw(b"one"))
            assert await stream.receive() == Raw(b"one")
            server.stop()
            await until_it_fails(pool)
            await stream.send(Raw(b"two"), end=True)
            assert await rest(stream) == [b"two"]


async def test_a_server_that_limits_connection_age_fails_no_call() -> None:
    with trio.fail_after(60), EchoServer.running({"grpc.max_connection_age_ms": 100}) as server:
        async with Pool.open(server.address) as pool, pool.stream(talks("Chat")) as stream:
            peers: set[bytes] = set()
            while len(peers) < 5:
                peers.update(await ask(pool, "Peer"))
                await stream.send(Raw(b"still here"))
                assert await stream.receive() == Raw(b"still here")


async def test_the_limit_of_concurrent_calls_is_kept() -> None:
    with trio.fail_after(60), EchoServer.running({"grpc.max_concurrent_streams": 3}) as server:
        async with Pool.open(server.address) as pool, trio.open_nursery() as nursery:

            async def hang() -> None:
                async with pool.stream(asks("Hang")) as stream:
                    await stream.send(Raw(b"x"))
                    await stream.receive()
                    await stream.receive()

            async with Pool.open(server.address, 1) as watching:
                await pool.ready()
                for _ in range(10):
                    nursery.start_soon(hang)
                while await hanging(watching) < 6:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
