"""One HTTP/2 request and its response, between a stream and the connection.

Received bytes stay here until the stream takes them. The server's flow-control window opens again
when the stream takes bytes, or waits for more bytes than have arrived. So a slow reader delays only
its own call, and needs at most the memory of one window."""

from __future__ import annotations

from typing import Protocol

import trio
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.seam import Headers


class Wire(Protocol):
    """The part of a connection that an exchange uses."""

    async def sendable(self, exchange: Exchange) -> int:
        """Wait until bytes may be sent, and return their number. Return 0 after the end."""
        ...

    def send(self, exchange: Exchange, data: bytes, end: bool) -> None: ...

    def acknowledge(self, exchange: Exchange, size: int) -> None: ...

    def leave(self, exchange: Exchange) -> None: ...


class Exchange:
    """A request and its response. `Connection.begin` creates it. One task sends, one receives."""

    def __init__(self, wire: Wire, number: int) -> None:
        self.number = number
        self.request_ended = False
        #: The end: the server's trailers, or the failure. None until then.
        self.end: Headers | RpcError | None = None
        self._wire = wire
        self._head: Headers | None = None
        self._body = bytearray()
        self._unacknowledged_bytes = 0
        self._news = trio.lowlevel.ParkingLot()

    # --- the stream's side ----------------------------------------------------------------------

    async def send_data(self, data: bytes, end_stream: bool = False) -> None:
        """Send a part of the request, as fast as the flow-control window and the writer allow.

        Drop the data if the server has ended the exchange. Raises `RpcError` if the exchange
        failed, and `trio.ClosedResourceError` if the request has ended."""
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
            # The server may have a part of the message: then the call cannot continue.
            if len(rest) < len(data):
                self.leave()
            raise
        # Checkpoint after sending, not before: then the headers and the request of a call leave in
        # one write (test_headers_and_request_of_a_call_leave_in_one_write).
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
        """Wait for `size` bytes from `start` on, and return them. They stay here until `take`.

        Return fewer bytes, or none, if the response has ended before. Raises `RpcError`."""
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
        """End the exchange from our side, in any state, without waiting."""
        self._body.clear()
        self._acknowledge_all_but(0)
        self._wire.leave(self)
        self.ended(RpcError(Status.CANCELLED, "the call was cancelled here"))

    def _acknowledge_all_but(self, size: int) -> None:
        if self._unacknowledged_bytes > size:
            self._wire.acknowledge(self, self._unacknowledged_bytes - size)
            self._unacknowledged_bytes = size

    def _raise_failure(self) -> None:
        if isinstance(self.end, RpcError):
            raise self.end.copy()

    # --- the connection's side ------------------------------------------------------------------

    def receive_head(self, head: Headers) -> None:
        self._head = head
        self._news.unpark_all()

    def receive_body(self, data: bytes) -> None:
        self._body += data
        self._unacknowledged_bytes += len(data)
        self._news.unpark_all()

    def ended(self, end: Headers | RpcError) -> None:
        """End the exchange. Only the first end counts: a server may reset an answered call."""
        if self.end is None:
            self.end = end
            self._news.unpark_all()
