"""A server that sends GOAWAY: its calls continue or are retried, and new calls do not wait."""

from __future__ import annotations

import pytest
import trio
from h2.errors import ErrorCodes
from h2.events import DataReceived, StreamReset
from trio.testing import MockClock

from callchart.adapters.grpc.errors import ConnectionLost
from tests.adapters.grpc.messages import Raw, ask, asks, rest, talks
from tests.adapters.grpc.peer import FINE, HEAD, Network, Peer, framed


async def go_away(peer: Peer, last: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
    """Send a GOAWAY that lets calls up to `last` continue. The peer's h2 alone would end them."""
    state = peer.h2.state_machine.state
    peer.h2.close_connection(code, last_stream_id=last)
    peer.h2.state_machine.state = state
    await peer.flush()


async def test_after_goaway_a_call_continues_and_a_new_one_uses_a_new_connection(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with network.connected() as (pool, old):
        async with pool.stream(talks("Talk")) as stream:
            await stream.send(Raw(b"before"))
            number = await old.request()
            await go_away(old, number)
            new = await network.peer()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, pool, "Say")
                await new.answer(await new.request(), b"fine")
            await stream.send(Raw(b"after"), end=True)
            assert (await old.event(DataReceived)).data == framed(b"before")
            assert (await old.event(DataReceived)).data == framed(b"after")
            await old.answer(number, b"heard", b"you")
            assert await rest(stream) == [b"heard", b"you"]
        await old.closed()
        assert trio.current_time() < 1


async def test_goaway_in_one_packet_with_an_answer_loses_no_data(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"x"))
        number = await peer.request()
        state = peer.h2.state_machine.state
        peer.h2.send_headers(number, HEAD)
        peer.h2.close_connection(last_stream_id=number)
        peer.h2.state_machine.state = state
        peer.h2.send_data(number, framed(b"bye"))
        peer.h2.send_headers(number, FINE, end_stream=True)
        await peer.flush()
        assert await rest(stream) == [b"bye"]


async def test_a_call_that_is_left_after_goaway_is_reset(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as other:
        async with pool.stream(asks("Say")) as stream:
            await stream.send(Raw(b"x"))
            await peer.request()
            number = await peer.request()
            await go_away(peer, number)
        assert (await peer.event(StreamReset)).stream_id == number
        assert other is not stream


async def test_an_unprocessed_request_is_retried(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.connected() as (pool, old), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"hello"))
        await old.request()
        await go_away(old, 0)
        new = await network.peer()
        async with trio.open_nursery() as nursery:

            async def served() -> None:
                number = await new.request()
                assert (await new.event(DataReceived)).data == framed(b"hello")
                await new.answer(number, b"fine")

            nursery.start_soon(served)
            assert await rest(stream) == [b"fine"]


async def test_a_request_is_retried_after_goaway_before_it_was_sent(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    async with network.connected() as (pool, old), pool.stream(asks("Say")) as stream:
        await old.request()
        await go_away(old, 0)
        new = await network.peer()
        async with trio.open_nursery() as nursery:

            async def served() -> None:
                await new.answer(await new.request(), b"fine")

            nursery.start_soon(served)
            await stream.send(Raw(b"hello"))
            assert await rest(stream) == [b"fine"]


async def test_a_request_is_retried_only_once(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.connected() as (pool, old), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"hello"))
        await old.request()
        await trio.sleep(1)  # an older connection is replaced without a pause
        await go_away(old, 0)

        async def refuse() -> None:
            new = await network.peer()
            await new.request()
            await go_away(new, 0)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(refuse)
            for _ in range(2):
                with pytest.raises(ConnectionLost, match="closes the connection") as raised:
                    await stream.receive()
                assert raised.value.unprocessed


async def test_an_unprocessed_stream_of_requests_fails_without_a_retry(
    autojump_clock: MockClock,
) -> None:
    async with Network().connected() as (pool, peer), pool.stream(talks("Talk")) as stream:
        await stream.send(Raw(b"hello"))
        await peer.request()
        await go_away(peer, 0)
        with pytest.raises(ConnectionLost, match="closes the connection") as raised:
            await stream.receive()
        assert raised.value.unprocessed
        with pytest.raises(ConnectionLost) as again:
            await stream.send(Raw(b"hello?"))
        # Each task gets its own copy: one shared error would collect both tracebacks.
        assert again.value is not raised.value
        assert vars(again.value) == vars(raised.value)


async def test_a_processed_call_is_not_retried(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"x"))
        await go_away(peer, await peer.request())
        await peer.stream.aclose()
        with pytest.raises(ConnectionLost, match="closed the connection") as raised:
            await stream.receive()
        assert not raised.value.unprocessed


async def test_goaway_without_an_error_is_not_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    network = Network()
    async with network.connected() as (pool, old):
        await trio.sleep(1)
        await go_away(old, 0)
        await network.peer()
        await pool.ready()
        assert trio.current_time() == 1
        await old.closed()
    assert not caplog.records
