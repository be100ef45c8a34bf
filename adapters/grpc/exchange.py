"""One HTTP/2 request and its response so far, between the stream that uses it and the connection.

Received bytes stay here until the stream takes them. The server's flow-control window opens again
when the stream takes bytes, or waits for more than have arrived. So a slow reader delays only its
own call, and needs at most the memory of one window."""

from __future__ import annotations

from typing import Protocol

import trio
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.seam import Headers


class Wire(Protocol):
    """The part of a connection that an exchange uses."""

    async def sendable(self, exchange: Exchange) -> int:
        """Wait until bytes may be sent; return their number, 0 once the exchange has ended."""
        ...

    def send(self, exchange: Exchange, data: bytes, end: bool) -> None: ...

    def acknowledge(self, exchange: Exchange, size: int) -> None: ...

    def leave(self, exchange: Exchange) -> None: ...


class Exchange:
    """A request and its response. Made by `Connection.begin`. One task sends, one receives."""

    def __init__(self, wire: Wire, number: int) -> None:
        self.number = number
        self.request_ended = False
        #: The end: the server's trailers, or the failure. None until then.
        self.end: Headers | RpcError | None = None
        self._wire = wire
        self._head: Headers | None = None
        self._body = bytearray()
        self._unacknowledged = 0
        self._news = trio.lowlevel.ParkingLot()

    # --- the stream's side ----------------------------------------------------------------------

    async def send_data(self, data: bytes, end_stream: bool = False) -> None:
        """Send a part of the request, as fast as the flow-control window and the writer allow.

        After the server has ended the exchange, the data is dropped. Raises `RpcError` if the
        exchange failed, and `trio.ClosedResourceError` if the request had ended."""
        if self.request_ended:
            raise trio.ClosedResourceError("the request has ended: nothing more can be sent")
        rest = memoryview(data)
        try:
            while size := await self._wire.sendable(self):
                piece, rest = rest[:size], rest[size:]
                self._wire.send(self, bytes(piece), end_stream and not rest)
                if not rest:
                    break
            else:
                self._raise_failure()
        except trio.Cancelled:
            # The server has a part of the message: the call cannot continue.
            if len(rest) < len(data):
                self.leave()
            raise
        # The checkpoint comes after sending, so that a call's headers and its request leave in one
        # write, one scheduler turn earlier.
        await trio.lowlevel.cancel_shielded_checkpoint()

    def end_request(self) -> None:
        """End the request, unless it has ended."""
        if self.end is None and not self.request_ended:
            self._wire.send(self, b"", True)

    async def head(self) -> Headers:
        """Wait for the response's headers. Raises `RpcError`."""
        while self._head is None and self.end is None:
            await self._news.park()
        if self._head is None:
            self._raise_failure()
        return self._head or {}

    async def body(self, start: int, size: int) -> bytes:
        """Wait for `size` bytes from `start` on, and return them; they stay until `take`.

        Return fewer bytes, or none, if the response has ended. Raises `RpcError`."""
        while len(self._body) < start + size and self.end is None:
            self._acknowledge_all_but(0)
            await self._news.park()
        if len(self._body) < start + size:
            self._raise_failure()
        return bytes(self._body[start : start + size])

    def take(self, size: int) -> None:
        """Drop the next `size` bytes of the body."""
        del self._body[:size]
        self._acknowledge_all_but(len(self._body))

    def leave(self) -> None:
        """End the exchange from our side, without waiting, in any state."""
        self._body.clear()
        self._acknowledge_all_but(0)
        self._wire.leave(self)
        self.ended(RpcError(Status.CANCELLED, "the call was cancelled here"))

    def _acknowledge_all_but(self, size: int) -> None:
        if self._unacknowledged > size:
            self._wire.acknowledge(self, self._unacknowledged - size)
            self._unacknowledged = size

    def _raise_failure(self) -> None:
        if isinstance(self.end, RpcError):
            raise self.end.again()

    # --- the connection's side ------------------------------------------------------------------

    def head_came(self, head: Headers) -> None:
        self._head = head
        self._news.unpark_all()

    def body_came(self, data: bytes) -> None:
        self._body += data
        self._unacknowledged += len(data)
        self._news.unpark_all()

    def ended(self, end: Headers | RpcError) -> None:
        """End the exchange. The first end counts: after an answer a server may reset the stream."""
        if self.end is None:
            self.end = end
            self._news.unpark_all()
