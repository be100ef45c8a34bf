"""One connection to one address, again and again: it connects ahead, and after each loss.

At any moment there is a connection that takes calls; or an attempt under way, for which calls wait
(it is bounded); or a pause before the next attempt, in which calls fail at once with the reason."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from enum import IntEnum
from functools import partial
from typing import Final, Self

import trio
from h2.errors import ErrorCodes

from adapters.grpc.connection import Connection
from adapters.grpc.dial import Address, Dial, dial
from adapters.grpc.errors import ConnectionLost
from adapters.grpc.exchange import Exchange
from adapters.grpc.keepalive import KEEPALIVE, Keepalive
from adapters.grpc.method import A, Method, Q
from adapters.grpc.seam import request_headers
from adapters.grpc.stream import Stream, call

log = logging.getLogger(__name__)

#: Seconds for TCP, TLS and the server's first word. A lost SYN is sent again after 1 s.
CONNECT: Final = 3.0

#: Seconds between attempts: they double from the first to the last, so that a server that comes
#: back is not run down.
SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0


class State(IntEnum):
    """What becomes of a call that begins now: the less, the better."""

    READY = 0
    FULL = 1  # it waits for another to end
    CONNECTING = 2  # it waits for the attempt
    PAUSING = 3  # it fails at once


class Channel:
    """Made by `open`. Serves any number of calls at once."""

    def __init__(
        self,
        address: Address,
        dial: Dial,
        keepalive: Keepalive,
        luck: random.Random,
        turned: trio.lowlevel.ParkingLot,
    ) -> None:
        #: Calls that it has begun.
        self.begun = 0
        self._address, self._dial, self._keepalive, self._luck = address, dial, keepalive, luck
        # The loss that was logged, until it is made good.
        self._told_down: ConnectionLost | None = None
        # The connection that takes calls; or why there is none until the next attempt; or None
        # while an attempt is under way.
        self._now: Connection | ConnectionLost | None = None
        # Where those wait to whom a change of it is news.
        self._turned = turned

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        address: Address,
        *,
        dial: Dial = dial,
        keepalive: Keepalive = KEEPALIVE,
        luck: random.Random | None = None,
    ) -> AsyncIterator[Self]:
        """A channel that connects by itself, from now to the end of the block. It is no failure if
        the server is down: it is logged, and calls say so. `luck` spreads the pauses between
        attempts, so that not all clients of a server come back at once."""
        turned = trio.lowlevel.ParkingLot()
        channel = cls(address, dial, keepalive, luck or random.Random(), turned)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.run, nursery)
            yield channel
            nursery.cancel_scope.cancel()

    def stream(
        self, method: Method[Q, A], metadata: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Stream[Q, A]]:
        """A call, which ends with the block: left before its end, it is reset at the server, at
        once. Raises `ConnectionLost`, and `ValueError` for metadata that cannot be sent."""
        begin = partial(self.begin, method.path, metadata or {})
        return call(method, str(self._address), begin)

    async def begin(self, path: str, metadata: Mapping[str, str]) -> Exchange:
        """The beginning of `stream`; whoever begins an exchange must leave it."""
        scheme = "http" if self._address.tls is None else "https"
        head = request_headers(path, scheme, str(self._address), metadata)
        while True:
            await self.ready()
            if isinstance(self._now, Connection):
                # One that is left while the call waits for a slot will have a successor.
                with suppress(ConnectionLost):
                    exchange = await self._now.begin(head)
                    self.begun += 1
                    return exchange

    async def ready(self) -> None:
        """Wait for the attempt under way. Raises `ConnectionLost` if there is no connection."""
        while self._now is None:
            await self._turned.park()
        if isinstance(self._now, ConnectionLost):
            raise self._now.again()

    @property
    def state(self) -> State:
        match self._now:
            case Connection() as connection:
                return State.READY if connection.has_room else State.FULL
            case None:
                return State.CONNECTING
            case ConnectionLost():
                return State.PAUSING

    @property
    def calls(self) -> int:
        """Those that go on, and those that wait for another to end."""
        return self._now.calls if isinstance(self._now, Connection) else 0

    # --- connecting -----------------------------------------------------------------------------

    async def run(self, nursery: trio.Nursery) -> None:
        """Connect, for ever; connections live in the nursery, some beyond their time here."""
        failures = 0
        while True:
            self._now = None
            try:
                connection = await self._connect(nursery)
            except ConnectionLost as lost:
                since, why = trio.current_time(), lost
                self._tell_down(why)
            else:
                since = trio.current_time()
                self._tell_up()
                self._turn(connection)
                why = await self._parting(connection)
                # One that served its time is no failure. The pause counts from when it came up, so
                # that there mostly is none; but nobody connects in circles.
                if connection.is_retired or trio.current_time() - since >= LONGEST_PAUSE:
                    failures = 0
            next_attempt = since + self._pause(failures)
            failures += 1
            if next_attempt > trio.current_time():
                self._turn(why)
                await trio.sleep_until(next_attempt)

    async def _connect(self, nursery: trio.Nursery) -> Connection:
        with trio.move_on_after(CONNECT):
            transport = await self._dial(self._address)
            connection = Connection(transport, str(self._address), self._keepalive)
            await nursery.start(connection.run)
            return connection
        raise ConnectionLost(
            f"{self._address} did not answer within {CONNECT:g} s",
            "check the network and the address",
        )

    async def _parting(self, connection: Connection) -> ConnectionLost:
        """Wait until it takes no more calls, and say why."""
        await connection.left.wait()
        assert connection.leaving is not None
        if connection.is_retired:
            log.debug("%s", connection.leaving)
        else:
            self._tell_down(connection.leaving)
        if connection.goaway == ErrorCodes.ENHANCE_YOUR_CALM:
            self._keepalive = self._keepalive.calmer()
        return connection.leaving

    def _turn(self, now: Connection | ConnectionLost) -> None:
        self._now = now
        self._turned.unpark_all()

    def _pause(self, failures: int) -> float:
        pause = min(SHORTEST_PAUSE * 2.0**failures, LONGEST_PAUSE)
        return pause * self._luck.uniform(0.8, 1.2)

    def _tell_down(self, why: ConnectionLost) -> None:
        """Once, however many attempts fail."""
        if self._told_down is None:
            log.warning("no connection: %s", why)
            self._told_down = why

    def _tell_up(self) -> None:
        if self._told_down is not None:
            log.info("the connection to %s is back", self._address)
            self._told_down = None
