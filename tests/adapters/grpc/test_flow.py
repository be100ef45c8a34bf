"""Flow control: a sender waits while the server or the socket takes no more data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from h2.errors import ErrorCodes
from h2.events import DataReceived, StreamReset
from h2.settings import SettingCodes
from trio.testing import MockClock, wait_all_tasks_blocked

from callchart.adapters.grpc.connection import WRITE_BUFFER_BYTES
from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.http2 import STREAM_WINDOW_BYTES
from tests.adapters.grpc.messages import Raw, asks, rest, talks
from tests.adapters.grpc.peer import FINE, HEAD, Network, Peer, framed

WINDOW = 65535  # HTTP/2's default, in bytes


async def taken(peer: Peer, size: int) -> bytes:
    """Return `size` bytes of a call's request, without opening the peer's windows again."""
    data = b""
    while len(data) < size:
        data += (await peer.event(DataReceived)).data
    return data


@pytest.mark.schedules(5)
async def test_headers_and_request_of_a_call_leave_in_one_write(autojump_clock: MockClock) -> None:
    network, writes = Network(), 0
    async with network.connected() as (pool, peer):
        deliver = network.ours.send_stream.send_all_hook

        async def written() -> None:
            nonlocal writes
            writes += 1
            if deliver is not None:
                await deliver()

        await wait_all_tasks_blocked()
        network.ours.send_stream.send_all_hook = written
        async with pool.stream(asks("Ask")) as stream:
            await stream.send(Raw(b"x"))
            assert await taken(peer, 6) == framed(b"x")
            assert writes == 1


async def test_a_sender_waits_for_the_servers_window(autojump_clock: MockClock) -> None:
    message = bytes(WINDOW + 1000)
    async with (
        Network().connected() as (pool, peer),
        pool.stream(talks("Talk")) as stream,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(stream.send, Raw(message))
        number = await peer.request()
        first = await taken(peer, WINDOW)
        await wait_all_tasks_blocked()
        assert len(first) == WINDOW
        assert len(nursery.child_tasks) == 1
        peer.h2.acknowledge_received_data(WINDOW, number)
        await peer.flush()
        assert first + await taken(peer, 1005) == framed(message)
    assert trio.current_time() == 0


async def test_a_sender_that_waits_does_not_delay_others(autojump_clock: MockClock) -> None:
    settings = {SettingCodes.INITIAL_WINDOW_SIZE: 100}
    async with (
        Network().connected(settings) as (pool, peer),
        pool.stream(talks("Talk")) as one,
        pool.stream(talks("Talk")) as other,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(one.send, Raw(bytes(1000)))
        await wait_all_tasks_blocked()
        await other.send(Raw(bytes(50)))
        assert len(nursery.child_tasks) == 1
        # A larger initial window also enlarges the windows of open calls.
        peer.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2000})
        await peer.flush()
    assert trio.current_time() == 0


async def reset(peer: Peer, number: int) -> None:
    peer.h2.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
    await peer.flush()


async def go_away(peer: Peer, number: int) -> None:
    peer.h2.close_connection(last_stream_id=number - 1)
    await peer.flush()


async def hang_up(peer: Peer, number: int) -> None:
    await peer.stream.aclose()


@pytest.mark.parametrize("happens", [reset, go_away, hang_up])
async def test_a_sender_that_waits_fails_with_the_call(
    autojump_clock: MockClock, happens: Callable[[Peer, int], Awaitable[None]]
) -> None:
    async with (
        Network().connected() as (pool, peer),
        pool.stream(talks("Talk")) as stream,
        trio.open_nursery() as nursery,
    ):

        async def send() -> None:
            with pytest.raises(RpcError):
                await stream.send(Raw(bytes(WINDOW)))

        nursery.start_soon(send)
        number = await peer.request()
        await wait_all_tasks_blocked()
        await happens(peer, number)
    assert trio.current_time() == 0


async def test_data_sent_after_the_end_by_the_server_is_dropped(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer):
        async with pool.stream(talks("Talk")) as stream:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.send, Raw(bytes(WINDOW)))
                number = await peer.request()
                await wait_all_tasks_blocked()
                await peer.answer(number, b"enough")
            assert trio.current_time() == 0
            await stream.send(Raw(b"x"))
            await stream.end()
            assert await rest(stream) == [b"enough"]
        # The reset tells the server that no more data comes.
        assert (await peer.event(StreamReset)).stream_id == number


async def test_a_send_after_the_end_of_the_request_is_refused(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(talks("Talk")) as stream:
        await stream.send(Raw(b"x"), end=True)
        await stream.end()
        with pytest.raises(trio.ClosedResourceError, match="the request has ended"):
            await stream.send(Raw(b"y"))
        assert (await peer.event(DataReceived)).data == framed(b"x")
        await peer.answer(1, b"fine")
        assert await rest(stream) == [b"fine"]


async def test_a_send_that_is_cancelled_half_way_ends_the_call(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(talks("Talk")) as stream:
        with trio.move_on_after(1):
            await stream.send(Raw(bytes(WINDOW)))
        assert (await peer.event(StreamReset)).stream_id == 1
        with pytest.raises(RpcError, match="the call was cancelled here"):
            await stream.send(Raw(b"x"))
        with pytest.raises(RpcError, match="the call was cancelled here"):
            await stream.receive()


async def test_a_send_that_is_cancelled_before_it_begins_sends_nothing(
    autojump_clock: MockClock,
) -> None:
    async with Network().connected() as (pool, peer), pool.stream(talks("Talk")) as stream:
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.send(Raw(b"never"))
        await stream.send(Raw(b"said"), end=True)
        assert (await peer.event(DataReceived)).data == framed(b"said")


async def test_unread_data_of_a_left_call_takes_no_window_from_others(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callchart.adapters.grpc.http2.CONNECTION_WINDOW_BYTES", 200_000)
    async with Network().connected() as (pool, peer):
        for _ in range(5):
            async with pool.stream(asks("Say")):
                number = await peer.request()
                assert peer.h2.local_flow_control_window(number) > 90_000
                peer.h2.send_headers(number, HEAD)
                for _ in range(6):
                    peer.h2.send_data(number, bytes(15_000))
                await peer.flush()
                await wait_all_tasks_blocked()
            await peer.event(StreamReset)


async def test_the_data_that_waits_for_the_writer_is_bounded(autojump_clock: MockClock) -> None:
    network = Network()
    async with network.connected({SettingCodes.INITIAL_WINDOW_SIZE: 10_000_000}) as (pool, peer):
        peer.h2.increment_flow_control_window(10_000_000)
        await peer.flush()
        async with pool.stream(talks("Talk")) as stream, trio.open_nursery() as nursery:
            await peer.request()
            writes = trio.Semaphore(0)
            pump = network.ours.send_stream.send_all_hook
            assert pump is not None

            async def slowly(pump: Callable[[], Awaitable[object]] = pump) -> None:
                await pump()
                await writes.acquire()

            network.ours.send_stream.send_all_hook = slowly
            nursery.start_soon(stream.send, Raw(bytes(1_000_000)))
            taken = 0
            while taken < 1_000_005:
                await wait_all_tasks_blocked()
                events = peer.h2.receive_data(await peer.stream.receive_some())
                size = sum(len(event.data) for event in events if isinstance(event, DataReceived))
                assert 0 < size <= WRITE_BUFFER_BYTES
                taken += size
                writes.release()


async def test_a_reader_that_takes_nothing_gets_at_most_one_window(
    autojump_clock: MockClock,
) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"x"))
        number = await peer.request()
        peer.h2.send_headers(number, HEAD)
        message = framed(bytes(995))
        said = 0
        await peer.event(DataReceived)
        while window := peer.h2.local_flow_control_window(number):
            peer.h2.send_data(number, message[: min(window, 1000)])
            said += min(window, 1000)
        await peer.flush()
        await wait_all_tasks_blocked()
        assert said == STREAM_WINDOW_BYTES
        # Each received message opens the window for another.
        for _ in range(STREAM_WINDOW_BYTES // 1000):
            assert await stream.receive() == Raw(bytes(995))
        await peer.stream.send_all(b"")
        peer.h2.receive_data(await peer.stream.receive_some())
        assert peer.h2.local_flow_control_window(number) > STREAM_WINDOW_BYTES // 3
        peer.h2.send_data(number, message[said % 1000 :])
        peer.h2.send_headers(number, FINE, end_stream=True)
        await peer.flush()
        assert await rest(stream) == [bytes(995)]
