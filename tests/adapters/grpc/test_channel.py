"""A channel connects and reconnects without a call, and a call waits for a limited time."""

from __future__ import annotations

import logging
from itertools import pairwise
from random import Random

import pytest
import trio
from h2.errors import ErrorCodes
from h2.events import StreamReset
from h2.settings import SettingCodes
from trio.testing import MockClock, wait_all_tasks_blocked

from callchart.adapters.grpc.errors import ConnectionLost
from callchart.adapters.grpc.pool import Pool
from tests.adapters.grpc.messages import Raw, ask, asks, talks
from tests.adapters.grpc.peer import ADDRESS, Network


def pauses(attempts: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(attempts)]


# --- connecting ---------------------------------------------------------------------------------


async def test_the_channel_connects_before_the_first_call(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.pool():
        await network.peer()
        assert network.attempts == [0]


async def test_a_call_waits_for_the_attempt_under_way(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.pool() as pool, trio.open_nursery() as nursery:
        nursery.start_soon(ask, pool, "Say")
        await trio.sleep(2.9)
        peer = await network.peer()
        await peer.answer(await peer.request(), b"fine")


async def test_a_silent_peer_times_out_after_three_seconds(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with network.pool() as pool:
        silent = await network.dialled()
        with pytest.raises(ConnectionLost, match="did not answer within 3 s"):
            await ask(pool, "Say")
        assert trio.current_time() == 3
        while await silent.receive_some():
            pass  # until our side has closed the connection


async def test_a_call_during_a_pause_fails_immediately_with_the_reason(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    network.refuses = True
    async with network.pool() as pool:
        await trio.sleep(20)
        at = trio.current_time()
        for _ in range(2):
            with pytest.raises(ConnectionLost, match="refused the connection") as raised:
                await ask(pool, "Say")
            assert raised.value.cure == "start it"
            assert raised.value.unprocessed
        assert trio.current_time() == at


async def test_a_call_that_is_cancelled_while_it_waits_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with network.pool() as pool:
        with trio.move_on_after(1):
            await ask(pool, "Say")
        peer = await network.peer()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, pool, "Say")
            number = await peer.request()
            assert number == 1
            await peer.answer(number, b"fine")


# --- reconnecting -------------------------------------------------------------------------------


async def test_pauses_double_up_to_ten_seconds_with_jitter(autojump_clock: MockClock) -> None:
    network = Network()
    network.refuses = True
    async with Pool.open(ADDRESS, 1, dial=network.dial, random=Random(1)):
        await trio.sleep(60)
    seen = pauses(network.attempts)
    for pause, middle in zip(seen, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10], strict=False):
        assert 0.8 * middle <= pause <= 1.2 * middle
    assert len(set(seen)) == len(seen)


async def test_the_channel_connects_after_a_night_without_a_server(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    network.refuses = True
    async with Pool.open(ADDRESS, 1, dial=network.dial) as pool:
        await trio.sleep(8 * 3600)
        network.refuses = False
        await network.peer()
        await pool.ready()


async def test_equal_seeds_give_equal_pauses(autojump_clock: MockClock) -> None:
    async def attempts(seed: int) -> list[float]:
        network = Network()
        network.refuses = True
        async with Pool.open(ADDRESS, 1, dial=network.dial, random=Random(seed)):
            await trio.sleep(3)
        return pauses(network.attempts)

    one = await attempts(1)
    assert await attempts(1) == pytest.approx(one)
    assert await attempts(2) != pytest.approx(one)


async def test_a_long_lived_connection_is_replaced_without_a_pause(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with network.connected() as (pool, peer):
        await trio.sleep(15)
        await peer.stream.aclose()
        peer = await network.peer()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, pool, "Say")
            await peer.answer(await peer.request(), b"fine")
        assert trio.current_time() == 15


async def test_a_server_that_drops_each_connection_is_dialled_with_growing_pauses(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with network.pool():
        for _ in range(7):
            await (await network.peer()).stream.aclose()
    seen = pauses(network.attempts)
    for pause, middle in zip(seen, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2], strict=True):
        assert 0.8 * middle <= pause <= 1.2 * middle


async def test_a_server_that_sends_goaway_on_each_connection_is_dialled_with_pauses(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with network.pool():
        for _ in range(10):
            peer = await network.peer()
            peer.h2.close_connection()
            await peer.flush()
    assert all(0.08 <= pause <= 0.12 for pause in pauses(network.attempts))


async def test_the_loss_and_the_reconnect_are_logged_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    network = Network()
    network.refuses = True
    async with network.pool() as pool:
        await trio.sleep(20)
        network.refuses = False
        peer = await network.peer()
        await pool.ready()
        await peer.stream.aclose()
        await network.peer()
        await pool.ready()
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "disconnected: speech.test:443 refused the connection (start it)"),
        ("INFO", "reconnected to speech.test:443"),
        (
            "WARNING",
            "disconnected: speech.test:443 closed the connection (if it goes on, check the "
            "network, and see the provider's status page)",
        ),
        ("INFO", "reconnected to speech.test:443"),
    ]


async def test_every_call_fails_when_the_connection_breaks(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), trio.open_nursery() as nursery:

        async def call() -> None:
            with pytest.raises(ConnectionLost, match="closed the connection") as raised:
                await ask(pool, "Say")
            assert not raised.value.unprocessed

        for _ in range(10):
            nursery.start_soon(call)
        for _ in range(10):
            await peer.request()
        await peer.stream.aclose()


async def test_a_request_on_a_broken_connection_fails(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        await peer.stream.aclose()
        await wait_all_tasks_blocked()
        with pytest.raises(ConnectionLost, match="closed the connection"):
            await stream.send(Raw(b"x"))


# --- the server's limit of calls ----------------------------------------------------------------

TWO = {SettingCodes.MAX_CONCURRENT_STREAMS: 2}


async def test_a_call_above_the_limit_of_the_server_waits(autojump_clock: MockClock) -> None:
    # The peer's h2 raises an error for a third simultaneous call.
    async with Network().connected(TWO) as (pool, peer), trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(ask, pool, "Say")
        numbers = [await peer.request(), await peer.request()]
        for _ in range(2):
            await peer.answer(numbers.pop(0), b"fine")
            numbers.append(await peer.request())
        for number in numbers:
            await peer.answer(number, b"fine")


async def test_the_end_of_a_call_starts_a_waiting_call(autojump_clock: MockClock) -> None:
    async with Network().connected(TWO) as (pool, peer), trio.open_nursery() as nursery:
        async with pool.stream(asks("Say")), pool.stream(asks("Say")):
            nursery.start_soon(ask, pool, "Say")
            await wait_all_tasks_blocked()
        assert (await peer.event(StreamReset)).stream_id == 3
        await peer.answer(await peer.request(), b"fine")


async def test_a_waiting_call_begins_on_the_next_connection(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with network.connected(TWO) as (pool, old), trio.open_nursery() as nursery:
        await trio.sleep(1)
        async with pool.stream(asks("Say")), pool.stream(asks("Say")):
            nursery.start_soon(ask, pool, "Say")
            await wait_all_tasks_blocked()
            await old.stream.aclose()
            new = await network.peer()
            await new.answer(await new.request(), b"fine")


async def test_a_connection_that_refuses_three_calls_in_a_row_is_replaced(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with network.connected() as (pool, old):

        async def refused() -> None:
            async with pool.stream(talks("Talk")) as stream:
                old.h2.reset_stream(await old.request(), ErrorCodes.REFUSED_STREAM)
                await old.flush()
                with pytest.raises(ConnectionLost, match="refused the call") as raised:
                    await stream.receive()
                assert raised.value.unprocessed

        await refused()
        await refused()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, pool, "Say")
            await old.answer(await old.request(), b"fine")
        for _ in range(3):
            assert network.attempts == [0]
            await refused()
        # The old connection was young, so a pause comes before the next; a call waits for it.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, pool, "Say")
            new = await network.peer()
            await new.answer(await new.request(), b"fine")
        assert network.attempts == [0, pytest.approx(0.1, rel=0.21)]
