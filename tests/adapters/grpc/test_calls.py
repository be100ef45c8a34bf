"""Calls to an official server: messages arrive whole and in order, and calls end properly."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import betterproto2
import pytest
import trio
from grpclib.const import Status
from trio.testing import wait_all_tasks_blocked

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.method import Method
from callchart.adapters.grpc.pool import Pool
from callchart.adapters.grpc.seam import LARGEST_MESSAGE_BYTES
from tests.adapters.grpc.echo import EchoServer, hanging, until_none_hangs
from tests.adapters.grpc.messages import Raw, ask, asks, rest, talks

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[EchoServer]:
    with EchoServer.running() as server:
        yield server


@pytest.fixture
async def pool(server: EchoServer) -> AsyncIterator[Pool]:
    with trio.fail_after(60):
        async with Pool.open(server.address, 1) as pool:
            await pool.ready()
            yield pool


def numbered(number: int, size: int) -> list[bytes]:
    return [index.to_bytes(4, "big") + bytes(size - 4) for index in range(number)]


# --- messages -----------------------------------------------------------------------------------


async def test_one_message_is_answered_with_many_in_order(pool: Pool) -> None:
    assert await ask(pool, "Repeat", b"300 700") == numbered(300, 700)


async def test_a_message_of_many_frames_arrives_whole(pool: Pool) -> None:
    size = LARGEST_MESSAGE_BYTES - 1
    assert await ask(pool, "Repeat", b"2 %d" % size) == numbered(2, size)


async def test_an_answer_may_have_no_message(pool: Pool) -> None:
    assert await ask(pool, "Repeat", b"0 4") == []


async def test_a_message_may_be_empty(pool: Pool) -> None:
    async with pool.stream(talks("Chat")) as stream:
        await stream.send(Raw(b""), end=True)
        assert await rest(stream) == [b""]


async def test_both_sides_send_in_any_order(pool: Pool) -> None:
    async with pool.stream(talks("Chat")) as stream:
        for word in (b"one", b"two"):
            await stream.send(Raw(word))
            assert await stream.receive() == Raw(word)
        await stream.send(Raw(b"three"))
        await stream.end()
        assert await rest(stream) == [b"three"]
        assert await stream.receive() is None  # again, after the end


async def test_a_hundred_simultaneous_calls_do_not_mix(pool: Pool) -> None:
    async def call(number: int) -> None:
        if number % 3:
            assert await ask(pool, "Repeat", b"3 %d" % (number * 100)) == numbered(3, number * 100)
        else:
            with pytest.raises(RpcError) as raised:
                await ask(pool, "Fail", b"1 5 number %d" % number)
            assert raised.value.message == f"number {number}"

    async with trio.open_nursery() as nursery:
        for number in range(1, 101):
            nursery.start_soon(call, number)


async def test_messages_of_betterproto2_are_sent_and_received(pool: Pool) -> None:
    @dataclass(eq=False, repr=False)
    class Said(betterproto2.Message):
        text: str = betterproto2.field(1, betterproto2.TYPE_STRING)

    chat = Method("/test.Test/Chat", Said, Said, client_streams=True, server_streams=True)
    async with pool.stream(chat) as stream:
        await stream.send(Said(text="Ждите ответа"), end=True)
        answer = await stream.receive()
        assert answer is not None
        assert answer.text == "Ждите ответа"


# --- metadata -----------------------------------------------------------------------------------


async def test_metadata_reach_the_server_and_are_not_logged(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    metadata = {"authorization": "Api-Key s3cret", "x-folder-id": "s3cret"}
    ((seen),) = await ask(pool, "Metadata", metadata=metadata)
    for name, value in metadata.items():
        assert [name, value] in json.loads(seen)
    with pytest.raises(RpcError):
        await ask(pool, "Fail", b"0 3 s3cret words")
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "metadata", [{"x-key": "s3cret\n"}, {"X-Key": "s3cret"}, {"te": "s3cret"}, {"grpc-x": "s3cret"}]
)
async def test_the_error_for_invalid_metadata_names_the_key_and_hides_the_value(
    pool: Pool, metadata: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=f"metadata '{next(iter(metadata))}'") as raised:
        await ask(pool, "Metadata", metadata=metadata)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__suppress_context__


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
async def test_the_status_and_the_message_of_the_server_are_received(
    pool: Pool, status: Status
) -> None:
    with pytest.raises(RpcError, match=f"^127.0.0.1:[0-9]+ answered {status.name}$") as raised:
        await ask(pool, "Fail", b"0 %d %s" % (status.value, "50 % лишнего".encode()))
    assert raised.value.status is status
    assert raised.value.message == "50 % лишнего"
    assert raised.value.retry_after_s is None


async def test_messages_before_a_failure_are_received_first(pool: Pool) -> None:
    async with pool.stream(asks("Fail")) as stream:
        await stream.send(Raw(b"2 13 ouch"))
        assert await stream.receive() == Raw(b"before")
        assert await stream.receive() == Raw(b"before")
        for _ in range(2):
            with pytest.raises(RpcError, match="INTERNAL"):
                await stream.receive()


async def test_an_unknown_method_is_unimplemented(pool: Pool) -> None:
    with pytest.raises(RpcError, match="answered UNIMPLEMENTED"):
        await ask(pool, "Sing")


async def test_a_message_that_is_too_large_fails_only_its_call(pool: Pool) -> None:
    with pytest.raises(RpcError, match="at most 4194304 bytes, got 4194305 bytes") as raised:
        await ask(pool, "Repeat", b"1 %d" % (LARGEST_MESSAGE_BYTES + 1))
    assert raised.value.status is Status.RESOURCE_EXHAUSTED
    assert await ask(pool, "Repeat", b"1 5") == numbered(1, 5)


async def test_an_invalid_message_is_an_error(pool: Pool) -> None:
    async with pool.stream(talks("Chat")) as stream:
        await stream.send(Raw(b"broken"), end=True)
        with pytest.raises(RpcError, match="sent a message that is not a valid Raw"):
            await stream.receive()


# --- flow ---------------------------------------------------------------------------------------


async def test_a_slow_reader_delays_no_other_call_and_loses_nothing(pool: Pool) -> None:
    much = b"200 16000"  # more than the windows of a dozen calls
    async with pool.stream(asks("Repeat")) as slow:
        await slow.send(Raw(much))
        first = await slow.receive()
        assert await ask(pool, "Repeat", much) == numbered(200, 16000)
        assert [first.data if first else b"", *await rest(slow)] == numbered(200, 16000)


# --- cancelling ---------------------------------------------------------------------------------


async def test_a_cancelled_receive_loses_nothing(pool: Pool) -> None:
    async with pool.stream(talks("Chat")) as stream:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.receive)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await stream.send(Raw(bytes(100_000)))
        said = None
        while said is None:
            with trio.move_on_after(0.0005):
                said = await stream.receive()
        assert said == Raw(bytes(100_000))


async def test_leaving_the_block_ends_the_call_at_the_server(pool: Pool) -> None:
    async with pool.stream(asks("Hang")) as stream:
        await stream.send(Raw(b"x"))
        await stream.receive()
        assert await hanging(pool) == 1
    await until_none_hangs(pool)


async def test_a_hundred_cancelled_calls_leave_nothing(pool: Pool) -> None:
    tasks = trio.lowlevel.current_statistics().tasks_living

    async def hang() -> None:
        async with pool.stream(asks("Hang")) as stream:
            await stream.send(Raw(b"x"))
            await stream.receive()
            await stream.receive()

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(hang)
        while await hanging(pool) < 100:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    await until_none_hangs(pool)
    assert trio.lowlevel.current_statistics().tasks_living == tasks


async def test_an_error_of_the_block_is_raised_unchanged(pool: Pool) -> None:
    with pytest.raises(KeyError):  # noqa: PT012
        async with pool.stream(asks("Hang")) as stream:
            await stream.send(Raw(b"x"))
            raise KeyError
    await until_none_hangs(pool)


async def test_send_and_receive_fail_after_the_block(pool: Pool) -> None:
    async with pool.stream(talks("Chat")) as stream:
        pass
    with pytest.raises(RpcError, match="the call was cancelled here"):
        await stream.send(Raw(b"x"))
    with pytest.raises(RpcError, match="the call was cancelled here"):
        await stream.receive()
