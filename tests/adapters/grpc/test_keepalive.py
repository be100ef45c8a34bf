"""Pings on a silent connection: their moments, and the loss of a connection without answers."""

from __future__ import annotations

import logging

import pytest
import trio
from h2.errors import ErrorCodes
from h2.events import PingReceived
from trio.testing import MockClock

from callchart.adapters.grpc.errors import ConnectionLost
from callchart.adapters.grpc.keepalive import Keepalive
from tests.adapters.grpc.messages import Raw, asks
from tests.adapters.grpc.peer import HEAD, Network, framed


async def test_a_connection_without_calls_is_pinged_every_thirty_seconds(
    autojump_clock: MockClock,
) -> None:
    async with Network().connected() as (_, peer):
        for at in (30, 60, 90):
            await peer.event(PingReceived)
            assert trio.current_time() == at


async def test_a_connection_with_a_call_is_pinged_after_ten_seconds_of_silence(
    autojump_clock: MockClock,
) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"x"))
        await peer.event(PingReceived)
        assert trio.current_time() == 10
        # Any bytes of the server restart the interval, not only answers to pings.
        await trio.sleep(4)
        peer.h2.send_headers(1, HEAD)
        peer.h2.send_data(1, framed(b"x"))
        await peer.flush()
        await peer.event(PingReceived)
        assert trio.current_time() == 24


async def test_a_new_call_on_a_long_silent_connection_pings_immediately(
    autojump_clock: MockClock,
) -> None:
    async with Network().connected() as (pool, peer):
        await trio.sleep(25)
        async with pool.stream(asks("Say")):
            await peer.event(PingReceived)
            assert trio.current_time() == 25


async def test_a_connection_without_a_ping_answer_is_replaced(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    network = Network()
    async with network.connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        with pytest.raises(ConnectionLost, match=r"443 has been silent for 15 s") as raised:
            await stream.receive()
        assert trio.current_time() == 15
        assert not raised.value.unprocessed
        await network.peer()
        await pool.ready()
        assert trio.current_time() == 15
        await peer.closed()
    assert [record.message for record in caplog.records] == [
        "disconnected: speech.test:443 has been silent for 15 s (check the network)",
        "reconnected to speech.test:443",
    ]


async def test_a_connection_whose_writer_is_stuck_is_lost(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.connected() as (pool, _), pool.stream(asks("Say")) as stream:
        network.ours.send_stream.send_all_hook = trio.sleep_forever
        await stream.send(Raw(b"x"))
        with pytest.raises(ConnectionLost, match="silent for 15 s"):
            await stream.receive()


async def test_enhance_your_calm_doubles_the_intervals(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.pool(keepalive=Keepalive(busy_s=1, idle_s=4, answer_s=1)):
        for pause in (4, 8, 16):
            peer = await network.peer()
            came_up = trio.current_time()
            await peer.event(PingReceived)
            assert trio.current_time() == came_up + pause
            peer.h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            await peer.flush()


def test_calmer_doubles_both_intervals() -> None:
    assert Keepalive(busy_s=1, idle_s=4, answer_s=1).calmer() == Keepalive(
        busy_s=2, idle_s=8, answer_s=1
    )


def test_the_longest_interval_with_calls_is_a_minute() -> None:
    keepalive = Keepalive()
    for _ in range(100):
        keepalive = keepalive.calmer()
    assert keepalive == Keepalive(busy_s=60, idle_s=7200)


async def test_goaway_without_an_error_keeps_the_intervals(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.pool(keepalive=Keepalive(idle_s=4)):
        for _ in range(2):
            peer = await network.peer()
            came_up = trio.current_time()
            await peer.event(PingReceived)
            assert trio.current_time() == came_up + 4
            peer.h2.close_connection()
            await peer.flush()
