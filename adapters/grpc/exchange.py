"""One HTTP/2 request and what came of it so far: the caller's end of it, and the connection's.

What has come stays until the caller takes it, and the server may send more of it (its window opens
again) as the caller takes some, or waits for more than there is. So one who reads slowly holds up
himself alone, and costs at most a window's bytes."""

from __future__ import annotations

from typing import Protocol

import trio
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.seam import Headers


class Wire(Protocol):
    """What an exchange needs of its connection."""

    async def sendable(self, exchange: Exchange) -> int:
        """Wait until bytes may be sent, and say how many; 0 once the exchange has ended."""
        ...

    def send(self, exchange: Exchange, data: bytes, end: bool) -> None: ...

    def acknowledge(self, exchange: Exchange, size: int) -> None: ...

    def leave(self, exchange: Exchange) -> None: ...


class Exchange:
    """Begun by `Connection.begin`. One task sends, and one receives."""

    def __init__(self, wire: Wire, number: int) -> None:
        self.number = number
        self.request_ended = False
        #: How the server ended it: its trailers, or what went wrong. None while it goes on.
        self.end: Headers | RpcError | None = None
        self._wire = wire
        self._head: Headers | None = None
        self._body = bytearray()
        self._unacknowledged = 0
        self._news = trio.lowlevel.ParkingLot()

    # --- the caller's end -----------------------------------------------------------------------

    async def send_data(self, data: bytes, end_stream: bool = False) -> None:
        """Send a part of the request, as fast as windows and the wire allow.

        Once the server has ended the exchange it is dropped; raises `RpcError` if it failed, and
        `trio.ClosedResourceError` if the request had ended."""
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
            # Nothing can follow half a message.
            if len(rest) < len(data):
                self.leave()
            raise
        # Others get their turn after it, not before: so a call's head and its request go out in
        # one piece, a turn earlier.
        await trio.lowlevel.cancel_shielded_checkpoint()

    def end_request(self) -> None:
        """Say that no more is sent, unless it was said."""
        if self.end is None and not self.request_ended:
            self._wire.send(self, b"", True)

    async def head(self) -> Headers:
        """The answer's headers. Raises `RpcError`."""
        while self._head is None and self.end is None:
            await self._news.park()
        if self._head is None:
            self._raise_failure()
        return self._head or {}

    async def body(self, start: int, size: int) -> bytes:
        """`size` bytes from `start` on, which stay until they are taken; fewer, or none, where the
        answer has ended. Raises `RpcError`."""
        while len(self._body) < start + size and self.end is None:
            self._acknowledge_all_but(0)
            await self._news.park()
        if len(self._body) < start + size:
            self._raise_failure()
        return bytes(self._body[start : start + size])

    def take(self, size: int) -> None:
        """Be done with the next `size` bytes of the body."""
        del self._body[:size]
        self._acknowledge_all_but(len(self._body))

    def leave(self) -> None:
        """Be done with all of it: at once, and whatever state it is in."""
        self._body.clear()
        self._acknowledge_all_but(0)
        self._wire.leave(self)
        self.ended(RpcError(Status.CANCELLED, "the call was left"))

    def _acknowledge_all_but(self, size: int) -> None:
        if self._unacknowledged > size:
            self._wire.acknowledge(self, self._unacknowledged - size)
            self._unacknowledged = size

    def _raise_failure(self) -> None:
        if isinstance(self.end, RpcError):
            raise self.end.again()

    # --- the connection's end -------------------------------------------------------------------

    def head_came(self, head: Headers) -> None:
        self._head = head
        self._news.unpark_all()

    def body_came(self, data: bytes) -> None:
        self._body += data
        self._unacknowledged += len(data)
        self._news.unpark_all()

    def ended(self, end: Headers | RpcError) -> None:
        """The first end counts: a server that has answered may reset what it has no use for."""
        if self.end is None:
            self.end = end
            self._news.unpark_all()
