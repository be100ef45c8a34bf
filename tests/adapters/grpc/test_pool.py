"""A pool gives each call the best of its connections, and replaces broken ones before a call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from h2.events import PingReceived
from h2.settings import SettingCodes
from trio.testing import MockClock, wait_all_tasks_blocked

from callchart.adapters.grpc.errors import ConnectionLost
from callchart.adapters.grpc.pool import Pool
from tests.adapters.grpc.messages import Raw, ask, asks, rest
from tests.adapters.grpc.peer import Network, Peer, Settings


@asynccontextmanager
async def two(
    network: Network, settings: Settings | None = None
) -> AsyncIterator[tuple[Pool, Peer, Peer]]:
    """Open a pool of two connections, and yield it with the peers, in the order of the next calls.

    Each peer gets one call first, because Trio's schedule decides which connection is older."""
    async with network.pool(2) as pool:
        peers = await network.peer(settings), await network.peer(settings)
        await wait_all_tasks_blocked()
        one, other = await asked_next(pool, peers), await asked_next(pool, peers)
        yield pool, one, other


async def asked_next(pool: Pool, peers: tuple[Peer, Peer]) -> Peer:
    """Make a call, and return the peer that gets it."""
    asked: list[Peer] = []
    async with pool.stream(asks("Say")), trio.open_nursery() as nursery:

        async def wait(peer: Peer) -> None:
            await peer.request()
            asked.append(peer)
            nursery.cancel_scope.cancel()

        for peer in peers:
            nursery.start_soon(wait, peer)
    return asked[0]


async def test_connections_are_opened_before_the_first_call(autojump_clock: MockClock) -> None:
    network = Network()
    async with two(network):
        assert network.attempts == [0, 0]


async def test_a_call_takes_the_connection_with_fewer_calls(autojump_clock: MockClock) -> None:
    async with (
        two(Network()) as (pool, one, other),
        pool.stream(asks("Say")),
        pool.stream(asks("Say")),
    ):
        assert await one.request() == await other.request() == 3
        async with pool.stream(asks("Say")), pool.stream(asks("Say")):
            assert await one.request() == await other.request() == 5


async def test_new_calls_avoid_a_connection_with_a_long_call(autojump_clock: MockClock) -> None:
    async with two(Network()) as (pool, one, other), pool.stream(asks("Say")):
        await one.request()
        for _ in range(3):
            async with pool.stream(asks("Say")):
                await other.request()


async def test_connections_without_calls_take_turns(autojump_clock: MockClock) -> None:
    async with two(Network()) as (pool, *peers):
        for peer in peers * 2:
            async with pool.stream(asks("Say")):
                await peer.request()


async def test_a_call_avoids_a_full_connection(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    with trio.fail_after(1000):
        async with network.pool(2) as pool:
            roomy = await network.peer()
            full = await network.peer({SettingCodes.MAX_CONCURRENT_STREAMS: 0})
            await wait_all_tasks_blocked()
            async with pool.stream(asks("Say")), pool.stream(asks("Say")):
                assert await roomy.request() < await roomy.request()
            assert full is not roomy


async def test_waiting_calls_begin_when_any_connection_has_room(
    autojump_clock: MockClock,
) -> None:
    one_at_once = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}
    async with two(Network(), one_at_once) as (pool, *peers), trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(ask, pool, "Say")
            await wait_all_tasks_blocked()
        for _ in range(2):
            for peer in peers:
                await peer.answer(await peer.request(), b"fine")


async def test_a_broken_connection_is_replaced_before_the_next_call(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with two(network) as (pool, one, other):
        await trio.sleep(1)
        await one.stream.aclose()
        await wait_all_tasks_blocked()
        async with pool.stream(asks("Say")):
            await other.request()
            new = await network.peer()
            await wait_all_tasks_blocked()
            async with pool.stream(asks("Say")):
                await new.request()
    assert network.attempts == [0, 0, 1]


async def test_a_call_avoids_a_connection_whose_ping_has_no_answer(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with two(network) as (pool, silent, other), trio.open_nursery() as nursery:
        nursery.start_soon(other.event, PingReceived)
        await trio.sleep(31)
        for _ in range(4):
            async with pool.stream(asks("Say")):
                await other.request()
        assert silent is not other


async def test_with_all_connections_down_a_call_fails_immediately_with_the_reason(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    network.refuses = True
    async with network.pool(2) as pool:
        for _ in range(2):
            with pytest.raises(ConnectionLost, match="refused the connection"):
                await ask(pool, "Say")
            assert trio.current_time() == 0
        with pytest.raises(ConnectionLost, match="refused the connection"):
            await pool.ready()


async def test_the_pool_is_ready_with_its_first_connection(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.pool(2) as pool, trio.open_nursery() as nursery:
        nursery.start_soon(network.peer)
        await pool.ready()
        assert trio.current_time() == 0


async def test_a_refused_request_is_retried_on_the_other_connection(
    autojump_clock: MockClock,
) -> None:
    async with two(Network()) as (pool, one, other), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"hello"))
        number = await one.request()
        one.h2.reset_stream(number, 7)
        await one.flush()

        async def serve() -> None:
            await other.answer(await other.request(), b"fine")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            assert await rest(stream) == [b"fine"]
