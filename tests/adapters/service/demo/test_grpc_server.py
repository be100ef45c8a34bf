"""The demo's gRPC server with our own client: calls, and the causes and results of their end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from grpclib.const import Status

from callchart.adapters.grpc.dial import Address, dial
from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.pool import Pool
from callchart.adapters.service.demo.grpc_server import Call, Service, by_path, serve
from tests.adapters.grpc.messages import Raw, ask, asks, rest, talks

pytestmark = pytest.mark.real

#: More bytes than the flow-control windows of both sides hold.
LARGE = bytes(1_000_000)


class Answers:
    """The services of the tests, and counts of their waiting and ended calls."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.hanging = self.ended = 0
        self.changed = trio.lowlevel.ParkingLot()

    async def echo(self, call: Call[Raw, Raw]) -> None:
        while (message := await call.receive()) is not None:
            await call.send(message)

    async def hang(self, call: Call[Raw, Raw]) -> None:
        await call.send(Raw(b"wait"))
        self.hanging += 1
        self.changed.unpark_all()
        try:
            await trio.sleep_forever()
        finally:
            self.ended += 1
            self.changed.unpark_all()

    async def until_ended(self, calls: int) -> None:
        while self.ended < calls:
            await self.changed.park()

    async def fail(self, call: Call[Raw, Raw]) -> None:
        await call.send(Raw(b"so far"))
        raise RpcError(Status.RESOURCE_EXHAUSTED, "no more voices: \u20ac")

    async def refuse(self, call: Call[Raw, Raw]) -> None:
        async with trio.open_nursery():
            raise RpcError(Status.UNAUTHENTICATED, f"not you, {call.metadata['who']}")


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
async def pool(answers: Answers) -> AsyncIterator[Pool]:
    services = by_path(
        Service(talks("Echo"), answers.echo),
        Service(asks("Hang"), answers.hang),
        Service(asks("Fail"), answers.fail),
        Service(talks("Refuse"), answers.refuse),
    )
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            port = await nursery.start(serve, services, answers.called.append)
            async with Pool.open(Address("127.0.0.1", port), 1) as pool:
                yield pool
            nursery.cancel_scope.cancel()


async def test_messages_of_any_size_go_both_ways_at_once(pool: Pool) -> None:
    async with pool.stream(talks("Echo")) as stream, trio.open_nursery() as nursery:
        heard = []

        async def hear() -> None:
            heard.extend(await rest(stream))

        nursery.start_soon(hear)
        for message in (b"a", b"", LARGE, b"z"):
            await stream.send(Raw(message))
        await stream.end()
    assert heard == [b"a", b"", LARGE, b"z"]


async def test_a_cancelled_call_ends_its_answer_and_no_other(pool: Pool, answers: Answers) -> None:
    async with pool.stream(asks("Hang")) as other:
        await other.send(Raw(b"x"))
        assert await other.receive() == Raw(b"wait")
        async with pool.stream(asks("Hang")) as stream:
            await stream.send(Raw(b"x"))
            assert await stream.receive() == Raw(b"wait")
            assert answers.ended == 0
        await answers.until_ended(1)
        assert (answers.hanging, answers.ended) == (2, 1)
    await answers.until_ended(2)


async def test_a_client_that_disconnects_ends_the_answers_to_its_calls(answers: Answers) -> None:
    transports: list[trio.abc.Stream] = []

    async def dialled(address: Address) -> trio.abc.Stream:
        transports.append(await dial(address))
        return transports[-1]

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            services = by_path(Service(asks("Hang"), answers.hang))
            port = await nursery.start(serve, services, answers.called.append)
            async with (
                Pool.open(Address("127.0.0.1", port), 1, dial=dialled) as pool,
                pool.stream(asks("Hang")) as stream,
            ):
                await stream.send(Raw(b"x"))
                assert await stream.receive() == Raw(b"wait")
                await transports[0].aclose()
                await answers.until_ended(1)
            nursery.cancel_scope.cancel()


async def test_an_error_of_an_answer_is_the_status_of_its_call(
    pool: Pool, answers: Answers
) -> None:
    async with pool.stream(asks("Fail")) as stream:
        await stream.send(Raw(b"x"))
        assert await stream.receive() == Raw(b"so far")
        with pytest.raises(RpcError) as failed:
            await stream.receive()
    assert failed.value.status is Status.RESOURCE_EXHAUSTED
    assert failed.value.message == "no more voices: \u20ac"
    async with pool.stream(talks("Refuse"), {"who": "stranger"}) as stream:
        with pytest.raises(RpcError) as refused:
            await stream.receive()
    assert refused.value.status is Status.UNAUTHENTICATED
    assert refused.value.message == "not you, stranger"
    with pytest.raises(RpcError) as unknown:
        await ask(pool, "Nothing")
    assert unknown.value.status is Status.UNIMPLEMENTED
    assert answers.called == ["Fail", "Refuse"]
