"""A small gRPC server on Trio, for clients on this machine.

h2 handles HTTP/2's frames and windows, `adapters.grpc.seam` handles gRPC's messages. Each
connection has a reader and a writer. Each call has a task, which ends when the client resets the
call or disconnects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic

import trio
from grpclib.const import Status
from grpclib.encoding.base import GRPC_CONTENT_TYPE
from grpclib.metadata import encode_grpc_message
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

from callchart.adapters.grpc import seam
from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.method import A, Method, Q
from callchart.engine.exception_groups import first_leaf

_READ_SIZE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Service(Generic[Q, A]):
    """A method, and the function that answers its calls. An `RpcError` that the function raises
    becomes the status of the call."""

    method: Method[Q, A]
    answer: Callable[[Call[Q, A]], Awaitable[None]]


Services = Mapping[str, Service[Any, Any]]


def by_path(*services: Service[Any, Any]) -> Services:
    """Return the services by the path of their method, as `serve` needs them."""
    return {service.method.path: service for service in services}


async def serve(
    services: Services,
    called: Callable[[str], None],
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on a free port of 127.0.0.1 until cancelled.

    For `nursery.start`, which returns the port. Each call passes its method to `called`."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    task_status.started(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(partial(_converse, services, called), listeners)


async def _converse(
    services: Services, called: Callable[[str], None], stream: trio.SocketStream
) -> None:
    async with stream:
        await _Connection(stream, services, called).run()


class Call(Generic[Q, A]):
    """A call, as the server sees it. One task may send while another receives."""

    def __init__(
        self, method: Method[Q, A], exchange: _Exchange, metadata: Mapping[str, str]
    ) -> None:
        self._method, self._exchange = method, exchange
        self.metadata = metadata

    async def receive(self) -> Q | None:
        """Return the next message, or None at the end."""
        return await seam.receive(self._exchange, self._method.request, "the client")

    async def send(self, message: A) -> None:
        """Send a message. Wait while the client's window is full."""
        await seam.send(self._exchange, message, end=False)


class _Exchange:
    """The bytes of a call in both directions: a `seam.Source` and a `seam.Sink`."""

    def __init__(self, connection: _Connection, number: int) -> None:
        self._connection, self._number = connection, number
        self._body = bytearray()
        self._unacknowledged = 0
        self._body_ended = False
        self._head_sent = False
        self._body_changed = trio.lowlevel.ParkingLot()
        self.scope = trio.CancelScope()

    def body_came(self, data: bytes) -> None:
        self._body += data
        self._unacknowledged += len(data)
        self._body_changed.unpark_all()

    def body_ended(self) -> None:
        self._body_ended = True
        self._body_changed.unpark_all()

    async def recv_data(self, size: int) -> bytes:
        """See `seam.Source`."""
        await trio.lowlevel.checkpoint()
        while len(self._body) < size and not self._body_ended:
            self._acknowledge_all_but(0)  # a message may be larger than the window
            await self._body_changed.park()
        data = bytes(self._body[:size])
        del self._body[:size]
        self._acknowledge_all_but(len(self._body))
        return data

    def _acknowledge_all_but(self, size: int) -> None:
        if self._unacknowledged > size:
            self._connection.acknowledge(self._number, self._unacknowledged - size)
            self._unacknowledged = size

    async def send_data(self, data: bytes, end_stream: bool = False) -> None:
        """See `seam.Sink`. `finish` sends the end."""
        # A checkpoint first, here and below: the code after it must not act on a reset call.
        await trio.lowlevel.checkpoint()
        if not self._head_sent:
            self._head_sent = True
            self._connection.send_head(self._number, _HEAD)
        await self._connection.send_body(self._number, data)

    async def finish(self, status: Status, message: str = "") -> None:
        """Send the status of the call, after the messages or instead of them."""
        await trio.lowlevel.checkpoint()
        trailers = [
            ("grpc-status", str(status.value)),
            ("grpc-message", encode_grpc_message(message)),
        ]
        head = [] if self._head_sent else _HEAD
        self._connection.send_head(self._number, [*head, *trailers], end=True)


_HEAD: Final = [(":status", "200"), ("content-type", GRPC_CONTENT_TYPE)]


class _Connection:
    """The connection of one client, until the client closes it."""

    def __init__(
        self, stream: trio.SocketStream, services: Services, called: Callable[[str], None]
    ) -> None:
        self._stream, self._services, self._called = stream, services, called
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._exchanges: dict[int, _Exchange] = {}
        # Parking lots: the writer waits for work, calls wait for the client's window.
        self._work, self._room = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    async def run(self) -> None:
        self._h2.initiate_connection()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            # A client may leave at any time, or send something that is not HTTP/2.
            with suppress(trio.BrokenResourceError, ProtocolError):
                await self._read(nursery)
            nursery.cancel_scope.cancel()

    async def _read(self, nursery: trio.Nursery) -> None:
        while data := await self._stream.receive_some(_READ_SIZE):
            for event in self._h2.receive_data(bytes(data)):
                if isinstance(event, ConnectionTerminated):
                    return
                self._receive_event(event, nursery)
            self._work.unpark_all()
            self._room.unpark_all()

    async def _write(self) -> None:
        with suppress(trio.BrokenResourceError):  # the reader notices it too
            while True:
                if data := self._h2.data_to_send():
                    await self._stream.send_all(data)
                else:
                    await self._work.park()

    def _receive_event(self, event: Event, nursery: trio.Nursery) -> None:
        match event:
            case RequestReceived(stream_id=int(number), headers=headers):
                new = self._exchanges[number] = _Exchange(self, number)
                nursery.start_soon(self._answer, number, new, _readable(headers or ()))
            case DataReceived(stream_id=int(number), data=data, flow_controlled_length=size):
                if exchange := self._exchanges.get(number):
                    exchange.body_came(data or b"")
                elif size:
                    self.acknowledge(number, size)  # the call was answered before its end
            case StreamEnded(stream_id=int(number)):
                if exchange := self._exchanges.get(number):
                    exchange.body_ended()
            case StreamReset(stream_id=int(number)):
                if exchange := self._exchanges.get(number):
                    exchange.scope.cancel()

    async def _answer(self, number: int, exchange: _Exchange, headers: dict[str, str]) -> None:
        with exchange.scope:
            await exchange.finish(*await self._status(exchange, headers))
        del self._exchanges[number]

    async def _status(self, exchange: _Exchange, headers: dict[str, str]) -> tuple[Status, str]:
        """Answer a call, and return its status."""
        path = headers[":path"]
        service = self._services.get(path)
        if service is None:
            return Status.UNIMPLEMENTED, f"{path} is not served"
        self._called(path.rpartition("/")[2])
        status = Status.OK, ""
        try:
            await service.answer(Call(service.method, exchange, headers))
        except* RpcError as failures:
            failure = first_leaf(failures)
            status = (failure.status, failure.reason)
        return status

    # --- for exchanges ----------------------------------------------------------------

    def send_head(self, number: int, head: list[tuple[str, str]], *, end: bool = False) -> None:
        self._h2.send_headers(number, head, end_stream=end)
        self._work.unpark_all()

    async def send_body(self, number: int, data: bytes) -> None:
        while data:
            window = self._h2.local_flow_control_window(number)
            size = min(len(data), window, self._h2.max_outbound_frame_size)
            if size > 0:
                self._h2.send_data(number, data[:size])
                data = data[size:]
                self._work.unpark_all()
            else:
                await self._room.park()

    def acknowledge(self, number: int, size: int) -> None:
        self._h2.acknowledge_received_data(size, number)
        self._work.unpark_all()


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("ascii"): value.decode("ascii", "replace") for name, value in headers}
