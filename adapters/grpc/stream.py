"""The interface of a gRPC call: send messages, receive messages, end the call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic

import trio
from grpclib.const import Status

from callchart.adapters.grpc import seam
from callchart.adapters.grpc.errors import ConnectionLost, RpcError
from callchart.adapters.grpc.exchange import Exchange
from callchart.adapters.grpc.method import A, Method, Q

#: Begins an exchange with a call's headers. Raises `ConnectionLost`.
Begin = Callable[[], Awaitable[Exchange]]


class Stream(Generic[Q, A]):
    """A call. `Pool.stream` creates it. One task may send while another receives."""

    def __init__(self, method: Method[Q, A], server: str, begin: Begin, exchange: Exchange) -> None:
        self._method, self._server, self._begin = method, server, begin
        self._exchange = exchange
        # The request of a unary method, while a retry is allowed. None after the retry.
        self._request: Q | None = None

    async def send(self, message: Q, *, end: bool = False) -> None:
        """Send a message. The message of a unary request also ends the request.

        Wait while the server's flow-control window is closed. A send that is cancelled half-way
        ends the call. If the server has ended the call, drop the message: `receive` reports the
        end. Raises `RpcError` if the call failed."""
        if self._method.client_streams:
            await seam.send(self._exchange, message, end=end)
            return
        self._request = message
        try:
            await seam.send(self._exchange, message, end=True)
        except ConnectionLost as lost:
            if not lost.unprocessed:
                raise
            # `receive` gets the same error, and retries the call.

    async def end(self) -> None:
        """End the request, unless the last `send` did."""
        await trio.lowlevel.checkpoint()
        self._exchange.end_request()

    async def receive(self) -> A | None:
        """Return the next message, or None after the server has ended the call with status OK.

        A cancelled wait loses no message. Raises `RpcError` if the call failed, after all messages
        that arrived before the failure."""
        await trio.lowlevel.checkpoint()
        head = await self._head()
        seam.check_head(head, self._server)
        reading = _Reading(self._exchange, self._server)
        message = await seam.receive(reading, self._method.reply, self._server)
        if message is not None:
            self._exchange.take(reading.position)
            return message
        trailers = self._exchange.end
        assert trailers is not None
        assert not isinstance(trailers, RpcError)
        # An answer without a body has its status in the headers.
        seam.check_status(trailers or head, self._server)
        return None

    def leave(self) -> None:
        """Leave the call without waiting. Reset it at the server if it has not ended."""
        self._exchange.leave()

    async def _head(self) -> seam.Headers:
        try:
            return await self._exchange.head()
        except ConnectionLost as lost:
            if not lost.unprocessed or self._request is None:
                raise
            return await self._retry(self._request)

    async def _retry(self, request: Q) -> seam.Headers:
        """Retry the call once: the server did not process it."""
        self._request = None
        self._exchange.leave()
        self._exchange = await self._begin()
        await seam.send(self._exchange, request, end=True)
        return await self._exchange.head()


@asynccontextmanager
async def call(method: Method[Q, A], server: str, begin: Begin) -> AsyncIterator[Stream[Q, A]]:
    """Open a stream until the block ends. Raises the errors of `begin`."""
    stream = Stream(method, server, begin, await begin())
    try:
        yield stream
    finally:
        stream.leave()


class _Reading:
    """One attempt to read a message. Its bytes stay in the exchange until the message is complete,
    so that the attempt can be cancelled at any point."""

    def __init__(self, exchange: Exchange, server: str) -> None:
        self.position = 0
        self._exchange, self._server = exchange, server

    async def recv_data(self, size: int) -> bytes:
        """See `seam.Source`."""
        if size > seam.LARGEST_MESSAGE_BYTES:
            raise RpcError(
                Status.RESOURCE_EXHAUSTED,
                f"a message of {self._server} must be at most {seam.LARGEST_MESSAGE_BYTES} bytes,"
                f" got {size} bytes",
            )
        data = await self._exchange.body(self.position, size)
        if len(data) < size and (data or self.position):
            raise RpcError(
                Status.INTERNAL, f"{self._server} ended the call in the middle of a message"
            )
        self.position += size
        return data
