"""One connection to one address, again and again: it connects ahead, and after each loss.

At any moment there is a connection that takes calls; or an attempt under way, for which calls may
wait (it is bounded); or a pause before the next attempt, in which calls fail with the reason."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import trio
from h2.errors import ErrorCodes

from callchart.adapters.backoff import Backoff
from callchart.adapters.grpc.connection import Connection
from callchart.adapters.grpc.dial import Address, Dial
from callchart.adapters.grpc.errors import ConnectionLost
from callchart.adapters.grpc.exchange import Exchange
from callchart.adapters.grpc.keepalive import Keepalive
from callchart.adapters.grpc.seam import request_headers

log = logging.getLogger(__name__)

#: Seconds for TCP, TLS and the server's first word. A lost SYN is sent again after 1 s.
CONNECT: Final = 3.0

#: The delays grow, so that a server that restarts is not flooded with attempts to connect.
RECONNECT: Final = Backoff(first_s=0.1, longest_s=10.0, jitter=(0.8, 1.2))


class State(IntEnum):
    """What becomes of a call now: the less, the better."""

    READY = 0  # it begins
    IN_DOUBT = 1  # it begins, and may have to wait for a server that is no more
    FULL = 2  # it must wait for another to end
    CONNECTING = 3  # it must wait for the attempt
    PAUSING = 4  # it fails


class Channel:
    """One of a pool's. `turned` is where those wait to whom a change of `state` is news."""

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
        self._turned = turned
        # The connection that takes calls; or why there is none until the next attempt; or None
        # while an attempt is under way.
        self._now: Connection | ConnectionLost | None = None
        self._told_down = False

    @property
    def state(self) -> State:
        match self._now:
            case Connection(has_room=False):
                return State.FULL
            case Connection(is_in_doubt=True):
                return State.IN_DOUBT
            case Connection():
                return State.READY
            case None:
                return State.CONNECTING
            case ConnectionLost():
                return State.PAUSING

    @property
    def calls(self) -> int:
        """Those that go on."""
        return self._now.calls if isinstance(self._now, Connection) else 0

    def check(self) -> None:
        """Raises `ConnectionLost`, `unprocessed`, in a pause."""
        if isinstance(self._now, ConnectionLost):
            raise ConnectionLost(self._now.reason, self._now.cure, unprocessed=True)

    def begin(self, path: str, metadata: Mapping[str, str]) -> Exchange:
        """Begin a call, where there is a connection with room; whoever begins one must leave it.

        Raises `ConnectionLost` in a pause, and `ValueError` for metadata that cannot be sent."""
        self.check()
        assert isinstance(self._now, Connection)
        scheme = "http" if self._address.tls is None else "https"
        exchange = self._now.begin(request_headers(path, scheme, str(self._address), metadata))
        self.begun += 1
        return exchange

    # --- connecting -----------------------------------------------------------------------------

    async def run(self, nursery: trio.Nursery) -> None:
        """Connect, for ever; connections live in the nursery, some beyond their time here."""
        failures = 0
        while True:
            self._now = None
            meanwhile: ConnectionLost | None
            try:
                connection = await self._connect(nursery)
            except ConnectionLost as lost:
                since, meanwhile = trio.current_time(), lost
                self._tell_down(lost)
            else:
                since = trio.current_time()
                meanwhile = await self._serve(connection)
                if meanwhile is None or trio.current_time() - since >= RECONNECT.longest_s:
                    failures = 0
            # It counts from when the connection came up: after one that served for a while there is
            # no pause, and yet nobody connects in circles.
            next_attempt = since + RECONNECT.delay_s(failures, self._luck)
            failures += 1
            if next_attempt > trio.current_time():
                self._turn(meanwhile)
                await trio.sleep_until(next_attempt)

    async def _connect(self, nursery: trio.Nursery) -> Connection:
        with trio.move_on_after(CONNECT):
            transport = await self._dial(self._address)
            connection = Connection(transport, str(self._address), self._keepalive, self._turned)
            await nursery.start(connection.run)
            return connection
        raise ConnectionLost(
            f"{self._address} did not answer within {CONNECT:g} s",
            "check the network and the address",
        )

    async def _serve(self, connection: Connection) -> ConnectionLost | None:
        """Until the connection takes no more calls: why, or None if it was left in order, for then
        calls can wait for the next."""
        self._tell_up()
        self._turn(connection)
        why = await connection.left()
        if connection.goaway == ErrorCodes.ENHANCE_YOUR_CALM:
            self._keepalive = self._keepalive.calmer()
        if connection.left_in_order:
            return None
        self._tell_down(why)
        return why

    def _turn(self, now: Connection | ConnectionLost | None) -> None:
        self._now = now
        self._turned.unpark_all()

    def _tell_down(self, why: ConnectionLost) -> None:
        """Once, however many attempts fail."""
        if not self._told_down:
            log.warning("disconnected: %s", why)
            self._told_down = True

    def _tell_up(self) -> None:
        if self._told_down:
            log.info("reconnected to %s", self._address)
            self._told_down = False
