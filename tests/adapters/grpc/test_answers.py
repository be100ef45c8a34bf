"""Answers that an official server does not give: each fails only its own call, with one error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from grpclib.const import Status
from h2.errors import ErrorCodes
from trio.testing import MockClock

from callchart.adapters.grpc.errors import ConnectionLost, RpcError
from callchart.adapters.grpc.pool import Pool
from tests.adapters.grpc.messages import Raw, ask, asks, rest, talks
from tests.adapters.grpc.peer import FINE, HEAD, Network, Peer, framed

#: Sends a peer's answer to the call of that number.
Says = Callable[[Peer, int], None]


async def failure(says: Says) -> RpcError:
    """Return the error of a call with this answer; check that the next call succeeds."""
    async with Network().connected() as (pool, peer), trio.open_nursery() as nursery:
        failures: list[RpcError] = []

        async def fail() -> None:
            with pytest.raises(RpcError) as raised:
                await ask(pool, "Say")
            failures.append(raised.value)

        nursery.start_soon(fail)
        says(peer, await peer.request())
        await peer.flush()
        await answered(pool, peer)
    return failures[0]


async def answered(pool: Pool, peer: Peer) -> None:
    """Check that the connection serves another call."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, pool, "Say")
        await peer.answer(await peer.request(), b"fine")


def page(status: str, *more: tuple[str, str]) -> Says:
    def says(peer: Peer, number: int) -> None:
        peer.h2.send_headers(number, [(":status", status), ("content-type", "text/html"), *more])
        peer.h2.send_data(number, b"<h1>Well</h1>", end_stream=True)

    return says


def trailers(*trailers: tuple[str, str], body: bytes = b"") -> Says:
    def says(peer: Peer, number: int) -> None:
        peer.h2.send_headers(number, HEAD)
        peer.h2.send_data(number, body)
        peer.h2.send_headers(number, list(trailers), end_stream=True)

    return says


def head_only(*trailers: tuple[str, str]) -> Says:
    def says(peer: Peer, number: int) -> None:
        peer.h2.send_headers(number, [*HEAD, *trailers], end_stream=True)

    return says


def reset(code: int) -> Says:
    def says(peer: Peer, number: int) -> None:
        peer.h2.reset_stream(number, code)

    return says


# --- not gRPC -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("401", Status.UNAUTHENTICATED),
        ("404", Status.UNIMPLEMENTED),
        ("429", Status.UNAVAILABLE),
        ("503", Status.UNAVAILABLE),
        ("418", Status.UNKNOWN),
    ],
)
async def test_an_error_page_of_a_proxy_is_named_by_its_status(
    autojump_clock: MockClock, code: str, status: Status
) -> None:
    error = await failure(page(code))
    assert error.status is status
    assert str(error) == (
        f"speech.test:443 answered with HTTP status {code} instead of gRPC"
        " (check the address, and check for a proxy in between)"
    )


async def test_the_retry_after_of_a_page_is_read(autojump_clock: MockClock) -> None:
    assert (await failure(page("503", ("retry-after", "7")))).retry_after_s == 7
    assert (await failure(page("503", ("retry-after", "Fri, 31 Dec")))).retry_after_s is None


async def test_a_page_with_status_200_is_not_grpc(autojump_clock: MockClock) -> None:
    error = await failure(page("200"))
    assert (
        error.reason == "speech.test:443 answered with content of type 'text/html' instead of gRPC"
    )


@pytest.mark.parametrize("kind", ["application/grpc+proto", "application/grpc;charset=utf-8"])
async def test_grpc_content_types_with_a_suffix_are_accepted(
    autojump_clock: MockClock, kind: str
) -> None:
    def says(peer: Peer, number: int) -> None:
        peer.h2.send_headers(number, [(":status", "200"), ("content-type", kind)])
        peer.h2.send_headers(number, [("grpc-status", "6")], end_stream=True)

    assert (await failure(says)).status is Status.ALREADY_EXISTS


# --- statuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("says", [trailers, head_only])
async def test_a_status_is_read_from_trailers_or_from_the_head(
    autojump_clock: MockClock,
    says: Callable[..., Says],
) -> None:
    error = await failure(says(("grpc-status", "8"), ("grpc-message", "50%25 %D0%B8")))
    assert (error.status, error.message) == (Status.RESOURCE_EXHAUSTED, "50% и")
    assert str(error) == "speech.test:443 answered RESOURCE_EXHAUSTED"


async def test_a_status_that_is_not_a_number_is_unknown(autojump_clock: MockClock) -> None:
    assert (await failure(trailers(("grpc-status", "many")))).status is Status.UNKNOWN


async def test_a_message_that_is_not_encoded_is_read_unchanged(autojump_clock: MockClock) -> None:
    error = await failure(trailers(("grpc-status", "3"), ("grpc-message", "нет")))
    assert error.message == "нет"


async def test_the_retry_pushback_of_a_server_is_read(autojump_clock: MockClock) -> None:
    error = await failure(trailers(("grpc-status", "8"), ("grpc-retry-pushback-ms", "1500")))
    assert error.retry_after_s == 1.5


async def test_a_call_that_ends_without_a_status_fails(autojump_clock: MockClock) -> None:
    def says(peer: Peer, number: int) -> None:
        peer.h2.send_headers(number, HEAD)
        peer.h2.send_data(number, framed(b"so"), end_stream=True)

    error = await failure(says)
    assert (error.status, error.reason) == (
        Status.INTERNAL,
        "speech.test:443 ended a call without a status",
    )


# --- resets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCodes.CANCEL, Status.CANCELLED),
        (ErrorCodes.ENHANCE_YOUR_CALM, Status.RESOURCE_EXHAUSTED),
        (ErrorCodes.PROTOCOL_ERROR, Status.INTERNAL),
    ],
)
async def test_a_reset_is_an_error_with_its_name(
    autojump_clock: MockClock, code: ErrorCodes, status: Status
) -> None:
    error = await failure(reset(code))
    assert (error.status, error.reason) == (
        status,
        f"speech.test:443 reset the call ({code.name})",
    )


async def test_a_reset_with_an_unknown_code_shows_the_number(autojump_clock: MockClock) -> None:
    assert (await failure(reset(99))).reason == "speech.test:443 reset the call (error 99)"


async def test_a_reset_after_the_end_changes_nothing(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), trio.open_nursery() as nursery:

        async def call() -> None:
            async with pool.stream(talks("Talk")) as stream:
                assert await rest(stream) == [b"so"]

        nursery.start_soon(call)
        number = await peer.request()
        trailers(*FINE, body=framed(b"so"))(peer, number)
        peer.h2.reset_stream(number, ErrorCodes.NO_ERROR)
        await peer.flush()


async def test_whole_messages_before_a_reset_are_received_first(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"x"))
        number = await peer.request()
        peer.h2.send_headers(number, HEAD)
        peer.h2.send_data(number, framed(b"so", b"far"))
        peer.h2.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
        await peer.flush()
        assert await stream.receive() == Raw(b"so")
        assert await stream.receive() == Raw(b"far")
        with pytest.raises(RpcError, match="INTERNAL_ERROR"):
            await stream.receive()


# --- messages -----------------------------------------------------------------------------------


async def test_a_message_in_frames_of_one_byte_is_received_whole(autojump_clock: MockClock) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        await stream.send(Raw(b"x"))
        number = await peer.request()
        peer.h2.send_headers(number, HEAD)
        for byte in framed(b"word by word", b""):
            peer.h2.send_data(number, bytes([byte]), pad_length=3)
        peer.h2.send_headers(number, FINE, end_stream=True)
        await peer.flush()
        assert await rest(stream) == [b"word by word", b""]


@pytest.mark.parametrize("length", [3, 7])
async def test_half_a_message_is_an_error(autojump_clock: MockClock, length: int) -> None:
    error = await failure(trailers(*FINE, body=framed(b"message")[:length]))
    assert error.reason == "speech.test:443 ended the call in the middle of a message"


async def test_a_compressed_message_is_an_error(autojump_clock: MockClock) -> None:
    error = await failure(trailers(*FINE, body=b"\1\0\0\0\1x"))
    assert error.reason == "speech.test:443 compressed a message, but we offered no compression"


# --- not HTTP/2 ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\0\x02\x02\x50 and more", bytes(100)],
)
async def test_an_answer_that_is_not_http2_is_refused(
    autojump_clock: MockClock, said: bytes
) -> None:
    network = Network()
    async with network.pool() as pool:
        await (await network.dialled()).send_all(said)
        with pytest.raises(ConnectionLost, match=r"^speech\.test:443 does not speak HTTP/2"):
            await pool.ready()


async def test_bytes_that_are_not_http2_end_an_open_connection(
    autojump_clock: MockClock,
) -> None:
    async with Network().connected() as (pool, peer), pool.stream(asks("Say")) as stream:
        # A DATA frame of an unknown stream.
        await peer.stream.send_all(b"\0\0\1" + b"\0\0" + bytes(4) + b"x")
        with pytest.raises(ConnectionLost, match="does not speak HTTP/2") as raised:
            await stream.receive()
        assert raised.value.status is Status.UNAVAILABLE
        assert not raised.value.unprocessed
