"""A scripted server of HTTP/2 without a socket, for tests on a clock that jumps."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import trio
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event, RequestReceived
from h2.settings import SettingCodes
from trio.testing import MemoryReceiveStream, MemorySendStream, memory_stream_pair

from callchart.adapters.grpc.dial import Address
from callchart.adapters.grpc.errors import ConnectionLost
from callchart.adapters.grpc.keepalive import KEEPALIVE, Keepalive
from callchart.adapters.grpc.pool import Pool

ADDRESS = Address("speech.test", 443)

HEAD = [(":status", "200"), ("content-type", "application/grpc")]
FINE = [("grpc-status", "0")]

E = TypeVar("E", bound=Event)
Settings = Mapping[SettingCodes, int]

Ends = trio.StapledStream[MemorySendStream, MemoryReceiveStream]


def framed(*messages: bytes) -> bytes:
    """Return messages in gRPC's frames."""
    return b"".join(b"\0" + len(message).to_bytes(4, "big") + message for message in messages)


class Network:
    """The network between the client and the test's servers."""

    def __init__(self) -> None:
        #: The moments of the attempts to connect.
        self.attempts: list[float] = []
        self.refuses = False
        #: The client's end of the last connection.
        self.ours: Ends
        self._dialled, self._peers = trio.open_memory_channel[Ends](math.inf)

    async def dial(self, address: Address) -> Ends:
        """See `dial.Dial`."""
        self.attempts.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise ConnectionLost(f"{address} refused the connection", "start it")
        self.ours, theirs = memory_stream_pair()
        self._dialled.send_nowait(theirs)
        return self.ours

    async def dialled(self) -> Ends:
        """Wait for the next connection, and return the server's end, before any bytes are sent."""
        return await self._peers.receive()

    async def peer(self, settings: Settings | None = None) -> Peer:
        """Wait for the next connection, send SETTINGS there, and return its server."""
        peer = Peer(await self.dialled())
        peer.h2.update_settings({int(code): value for code, value in (settings or {}).items()})
        await peer.flush()
        return peer

    @asynccontextmanager
    async def pool(
        self, connections: int = 1, keepalive: Keepalive = KEEPALIVE
    ) -> AsyncIterator[Pool]:
        """Open a pool. Fail after 1000 s: the timers of the pool keep the clock of a hanging test
        jumping."""
        with trio.fail_after(1000):
            async with Pool.open(ADDRESS, connections, dial=self.dial, keepalive=keepalive) as pool:
                yield pool

    @asynccontextmanager
    async def connected(self, settings: Settings | None = None) -> AsyncIterator[tuple[Pool, Peer]]:
        """Open a pool of one connection that is up, and yield it with its peer."""
        async with self.pool() as pool:
            peer = await self.peer(settings)
            await pool.ready()
            yield pool, peer


class Peer:
    """A scripted server, on h2."""

    def __init__(self, stream: Ends) -> None:
        self.stream = stream
        self.h2 = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.h2.initiate_connection()
        self._events: deque[Event] = deque()

    async def flush(self) -> None:
        """Send the bytes that h2 has queued."""
        await self.stream.send_all(self.h2.data_to_send())

    async def event(self, kind: type[E]) -> E:
        """Return the next event of this kind, and skip others. Answer SETTINGS and pings."""
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, kind):
                    return event
            data = await self.stream.receive_some()
            assert data, f"the client closed the connection before {kind.__name__}"
            self._events.extend(self.h2.receive_data(data))
            await self.flush()

    async def closed(self) -> None:
        """Wait until the client has closed the connection."""
        while await self.stream.receive_some():
            pass

    async def request(self) -> int:
        """Wait for the next call, and return its number."""
        number = (await self.event(RequestReceived)).stream_id
        assert number is not None
        return number

    async def answer(self, number: int, *messages: bytes) -> None:
        """Answer a call, with status OK."""
        self.h2.send_headers(number, HEAD)
        self.h2.send_data(number, framed(*messages))
        self.h2.send_headers(number, FINE, end_stream=True)
        await self.flush()
