"""One HTTP/2 connection: its reader, its writer, its pings, and the calls that share it.

A task passes its frames to h2 and wakes the writer, without waiting. So a task can reset its call
even while it is being cancelled. Only sending the body of a request waits: for the server's
flow-control window, and while `WRITE_BUFFER_BYTES` are queued for the writer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import trio
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from callchart.adapters.grpc.errors import ConnectionLost, RpcError
from callchart.adapters.grpc.exchange import Exchange
from callchart.adapters.grpc.http2 import Http2
from callchart.adapters.grpc.keepalive import Keepalive, Pulse
from callchart.adapters.grpc.seam import Headers, reset_status

#: The most bytes of requests that wait for the writer: four HTTP/2 frames, or 2 s of speech.
WRITE_BUFFER_BYTES: Final = 64 * 1024

#: The number of refused calls in a row after which we leave the connection.
REFUSALS: Final = 3

#: The most bytes of one read.
READ_BYTES: Final = 64 * 1024


class Connection:
    """An HTTP/2 connection on an open stream. Its owner calls `run`.

    `turned`: parking lot, unparked when `has_room` may have changed."""

    def __init__(
        self,
        transport: trio.abc.Stream,
        server: str,
        keepalive: Keepalive,
        turned: trio.lowlevel.ParkingLot,
    ) -> None:
        self.server = server
        #: The error code of the server's GOAWAY, if it sent one.
        self.goaway: int | None = None
        #: True if we left it in good order: after a GOAWAY without error, or after refused calls.
        self.left_in_order = False
        self._turned = turned
        # The reason why no new call may begin, and the reason why the connection is lost.
        self._leaving: ConnectionLost | None = None
        self._lost: ConnectionLost | None = None
        self._left = trio.Event()
        self._transport, self._pulse = transport, Pulse(keepalive)
        self._http2 = Http2()
        self._exchanges: dict[int, Exchange] = {}
        self._unwritten_bytes = 0
        self._refusals = 0
        self._scope = trio.CancelScope()
        self._up = trio.Event()
        # The writer waits in `_work` for data, senders wait in `_room` for room.
        self._work, self._room = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until the connection is lost, or until it is left and its last call has ended.

        Report `task_status.started` when the server has sent SETTINGS. Raises `ConnectionLost` if
        the connection is lost earlier."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    nursery.start_soon(self._read)
                    await self._up.wait()
                    task_status.started()
                    nursery.start_soon(self._keep_alive)
        finally:
            self._lose(ConnectionLost(f"the connection to {self.server} was closed here"))
            await trio.aclose_forcefully(self._transport)
        if not self._up.is_set():
            assert self._lost is not None
            raise self._lost

    # --- calls ----------------------------------------------------------------------------------

    @property
    def calls(self) -> int:
        return len(self._exchanges)

    @property
    def is_in_doubt(self) -> bool:
        """True while a ping waits for its answer."""
        return self._pulse.is_in_doubt

    @property
    def has_room(self) -> bool:
        """True if a call may begin."""
        most = self._http2.remote_settings.max_concurrent_streams
        return self._leaving is None and len(self._exchanges) < most

    def begin(self, head: list[tuple[str, str]]) -> Exchange:
        """Begin a call. `has_room` must be true."""
        exchange = Exchange(self, self._http2.get_next_available_stream_id())
        self._http2.send_headers(exchange.number, head)
        self._exchanges[exchange.number] = exchange
        self._pulse.note_call()
        self._work.unpark_all()
        return exchange

    async def sendable(self, exchange: Exchange) -> int:
        """See `exchange.Wire`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while exchange.end is None:
            size = min(
                WRITE_BUFFER_BYTES - self._unwritten_bytes,
                self._http2.local_flow_control_window(exchange.number),
                self._http2.max_outbound_frame_size,
            )
            if size > 0:
                return size
            await self._room.park()
        return 0

    def send(self, exchange: Exchange, data: bytes, end: bool) -> None:
        """See `exchange.Wire`."""
        self._http2.send_data(exchange.number, data, end_stream=end)
        exchange.request_ended = end
        self._unwritten_bytes += len(data)
        self._work.unpark_all()

    def acknowledge(self, exchange: Exchange, size: int) -> None:
        """See `exchange.Wire`."""
        if self._lost is None:
            self._http2.acknowledge_received_data(size, exchange.number)
            self._work.unpark_all()

    def leave(self, exchange: Exchange) -> None:
        """See `exchange.Wire`."""
        if self._exchanges.pop(exchange.number, None) is None:
            return
        self._turned.unpark_all()
        answered = exchange.end is not None and not isinstance(exchange.end, RpcError)
        if self._lost is None and not (answered and exchange.request_ended):
            self._reset(exchange.number)
        if self._leaving is not None and not self._exchanges:
            self._lose(self._leaving)

    def _reset(self, number: int) -> None:
        stream = self._http2.streams.get(number)
        if stream is not None and not stream.closed:
            self._http2.reset_stream(number, ErrorCodes.CANCEL)
            self._work.unpark_all()

    # --- the wire -------------------------------------------------------------------------------

    async def _write(self) -> None:
        try:
            while True:
                if data := self._http2.data_to_send():
                    self._unwritten_bytes = 0
                    self._room.unpark_all()
                    await self._transport.send_all(data)
                else:
                    await self._work.park()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._lose(ConnectionLost(f"{self.server} broke off the connection"))

    async def _read(self) -> None:
        try:
            while data := await self._transport.receive_some(READ_BYTES):
                self._pulse.note_bytes()
                for event in self._http2.received(data):
                    self._receive_event(event)
                self._work.unpark_all()
            self._lose(ConnectionLost(f"{self.server} closed the connection"))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._lose(ConnectionLost(f"{self.server} broke off the connection"))
        except ProtocolError:
            self._lose(
                ConnectionLost(
                    f"{self.server} does not speak HTTP/2",
                    "check the port, and whether it expects TLS",
                )
            )

    def _receive_event(self, event: Event) -> None:
        match event:
            case DataReceived(stream_id=number, data=data, flow_controlled_length=size):
                exchange = self._exchanges.get(number)
                if exchange is not None:
                    exchange.receive_body(data)
                    size -= len(data)  # acknowledge the padding here, the body in `Exchange.take`
                if size:
                    self._http2.acknowledge_received_data(size, number)
            case ResponseReceived(stream_id=number, headers=headers):
                self._refusals = 0
                if exchange := self._exchanges.get(number):
                    exchange.receive_head(_readable(headers))
            case TrailersReceived(stream_id=number, headers=headers):
                if exchange := self._exchanges.get(number):
                    exchange.ended(_readable(headers))
            case StreamEnded(stream_id=number):
                if exchange := self._exchanges.get(number):
                    exchange.ended({})
                    self._room.unpark_all()
            case StreamReset(stream_id=number, error_code=code):
                if exchange := self._exchanges.get(number):
                    exchange.ended(self._refusal(code))
                    self._room.unpark_all()
            case WindowUpdated():
                self._room.unpark_all()
            case RemoteSettingsChanged():
                self._up.set()
                self._room.unpark_all()
                self._turned.unpark_all()
            case ConnectionTerminated():
                self._goaway(event)

    def _refusal(self, code: int) -> RpcError:
        if code == ErrorCodes.REFUSED_STREAM:
            self._refusals += 1
            if self._refusals == REFUSALS:
                why = f"{self.server} refused {REFUSALS} calls in a row"
                self._leave(ConnectionLost(why), in_order=True)
            return ConnectionLost(f"{self.server} refused the call", unprocessed=True)
        return RpcError(reset_status(code), f"{self.server} reset the call ({_name(code)})")

    def _goaway(self, event: ConnectionTerminated) -> None:
        self.goaway = event.error_code
        why = f"{self.server} closes the connection"
        if event.error_code:
            why += f" ({_name(event.error_code)})"
        self._leave(ConnectionLost(why), in_order=event.error_code == ErrorCodes.NO_ERROR)
        for exchange in self._exchanges.values():
            if exchange.number > (event.last_stream_id or 0):
                exchange.ended(ConnectionLost(why, unprocessed=True))
        self._room.unpark_all()
        if not self._exchanges:
            self._lose(ConnectionLost(why))

    # --- the end --------------------------------------------------------------------------------

    async def wait_left(self) -> ConnectionLost:
        """Wait until no new call may begin here, and return the reason."""
        await self._left.wait()
        assert self._leaving is not None
        return self._leaving

    def _leave(self, why: ConnectionLost, *, in_order: bool) -> None:
        if self._leaving is None:
            self._leaving, self.left_in_order = why, in_order
            self._left.set()

    def _lose(self, why: ConnectionLost) -> None:
        if self._lost is None:
            self._lost = why
            self._leave(why, in_order=False)
            for exchange in self._exchanges.values():
                exchange.ended(why.copy())
            self._room.unpark_all()
            self._scope.cancel()

    async def _keep_alive(self) -> None:
        silence_s = await self._pulse.wait_lost(lambda: bool(self._exchanges), self._ping)
        why = f"{self.server} has been silent for {silence_s:.0f} s"
        self._lose(ConnectionLost(why, "check the network"))

    def _ping(self) -> None:
        self._http2.ping(b"callchar")
        self._work.unpark_all()


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    # Decode leniently: a bad header fails one call, not the connection.
    return {
        name.decode("ascii", "replace"): value.decode("utf-8", "replace") for name, value in headers
    }


def _name(code: int) -> str:
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error {code}"
