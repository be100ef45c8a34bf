"""A server that takes leave: its calls go on, or are made elsewhere, and new ones lose no time."""

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
    """Say that calls up to `last` are served to their end. The peer's h2 would end them all."""
    state = peer.h2.state_machine.state
    peer.h2.close_connection(code, last_stream_id=last)
    peer.h2.state_machine.state = state
    await peer.flush()


async def test_a_call_goes_on_where_it_began_and_a_new_one_where_it_is_welcome(
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


async def test_goaway_in_one_packet_with_an_answer_loses_nothing(autojump_clock: MockClock) -> None:
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


async def test_a_call_that_is_left_after_goaway_is_reset_as_ever(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as other:
        async with pool.stream(asks("Say")) as stream:
            await stream.send(Raw(b"x"))
            await peer.request()
            number = await peer.request()
            await go_away(peer, number)
        assert (await peer.event(StreamReset)).stream_id == number
        assert other is not stream


async def test_one_request_that_was_not_processed_is_made_again(autojump_clock: MockClock) -> None:
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


async def test_goaway_before_the_request_was_sent_is_made_good_too(
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


async def test_it_is_made_again_only_once(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.connected() as (pool, old), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"hello"))
        await old.request()
        await trio.sleep(1)  # after a while the next attempt comes without a pause
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


async def test_a_conversation_that_was_not_processed_is_its_callers_to_make_again(
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
        # One error that two tasks raise would have the traceback of both.
        assert again.value is not raised.value
        assert vars(again.value) == vars(raised.value)


async def test_a_call_that_was_processed_is_not_made_again(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"x"))
        await go_away(peer, await peer.request())
        await peer.stream.aclose()
        with pytest.raises(ConnectionLost, match="closed the connection") as raised:
            await stream.receive()
        assert not raised.value.unprocessed


async def test_a_server_that_moves_its_callers_on_is_no_news(
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
