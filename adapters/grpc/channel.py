"""A connection to one address that connects before the first call, and again after each loss.

A channel is connected, connecting or pausing. While it is connected, it takes calls. While it is
connecting, calls wait for the attempt, which has a time limit. While it pauses before the next
attempt, calls fail with the reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import IntEnum
from random import Random
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

#: Time limit for TCP, TLS and the server's first frame. TCP sends a lost SYN again after 1 s.
CONNECT_SECONDS: Final = 3.0

#: The delays grow, so that attempts to connect do not flood a server that restarts.
RECONNECT: Final = Backoff(first_s=0.1, longest_s=10.0, jitter=(0.8, 1.2))


class State(IntEnum):
    """The state of a channel, and its effect on a new call. A pool prefers the lower value."""

    READY = 0  # the call begins
    IN_DOUBT = 1  # the call begins, but a ping waits for its answer: the server may be gone
    FULL = 2  # the call waits until another one ends
    CONNECTING = 3  # the call waits for the attempt
    PAUSING = 4  # the call fails


class Channel:
    """One of a pool's channels. `turned`: parking lot, unparked when `state` may have changed."""

    def __init__(
        self,
        address: Address,
        dial: Dial,
        keepalive: Keepalive,
        random: Random,
        turned: trio.lowlevel.ParkingLot,
    ) -> None:
        #: The number of calls begun so far.
        self.begun = 0
        self._address, self._dial, self._keepalive, self._random = address, dial, keepalive, random
        self._turned = turned
        # Connected: the connection that takes calls. Pausing: the reason. Connecting: None.
        self._now: Connection | ConnectionLost | None = None
        self._is_down_logged = False

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
        """The number of calls that have not ended."""
        return self._now.calls if isinstance(self._now, Connection) else 0

    def check(self) -> None:
        """Raise `ConnectionLost` (`unprocessed`) during a pause."""
        if isinstance(self._now, ConnectionLost):
            raise ConnectionLost(self._now.reason, self._now.cure, unprocessed=True)

    def begin(self, path: str, metadata: Mapping[str, str]) -> Exchange:
        """Begin a call on a connection with room. The caller must `leave` the exchange.

        Raises `ConnectionLost` during a pause, and `ValueError` for metadata that HTTP cannot
        carry."""
        self.check()
        assert isinstance(self._now, Connection)
        scheme = "http" if self._address.tls is None else "https"
        exchange = self._now.begin(request_headers(path, scheme, str(self._address), metadata))
        self.begun += 1
        return exchange

    # --- connecting -----------------------------------------------------------------------------

    async def run(self, nursery: trio.Nursery) -> None:
        """Connect and reconnect until cancelled.

        The connections run in `nursery`: an old one finishes its calls after a new one is up."""
        failures = 0
        while True:
            self._now = None
            why: ConnectionLost | None
            try:
                connection = await self._connect(nursery)
            except ConnectionLost as lost:
                since_s, why = trio.current_time(), lost
                self._log_disconnected(lost)
            else:
                since_s = trio.current_time()
                why = await self._serve(connection)
                if why is None or trio.current_time() - since_s >= RECONNECT.longest_s:
                    failures = 0
            # The delay counts from the moment when the connection came up: after a long-lived
            # connection we reconnect without a pause, and short-lived ones cannot make a busy loop.
            next_attempt_s = since_s + RECONNECT.delay_s(failures, self._random)
            failures += 1
            if next_attempt_s > trio.current_time():
                self._set(why)
                await trio.sleep_until(next_attempt_s)

    async def _connect(self, nursery: trio.Nursery) -> Connection:
        with trio.move_on_after(CONNECT_SECONDS):
            transport = await self._dial(self._address)
            connection = Connection(transport, str(self._address), self._keepalive, self._turned)
            await nursery.start(connection.run)
            return connection
        raise ConnectionLost(
            f"{self._address} did not answer within {CONNECT_SECONDS:g} s",
            "check the network and the address",
        )

    async def _serve(self, connection: Connection) -> ConnectionLost | None:
        """Use the connection until it takes no more calls, and return the reason.

        Return None if it was closed in good order: then calls wait for the next connection."""
        self._log_reconnected()
        self._set(connection)
        why = await connection.wait_left()
        if connection.goaway == ErrorCodes.ENHANCE_YOUR_CALM:
            self._keepalive = self._keepalive.calmer()
        if connection.left_in_order:
            return None
        self._log_disconnected(why)
        return why

    def _set(self, now: Connection | ConnectionLost | None) -> None:
        self._now = now
        self._turned.unpark_all()

    def _log_disconnected(self, why: ConnectionLost) -> None:
        """Log the loss once, even if many attempts fail."""
        if not self._is_down_logged:
            log.warning("disconnected: %s", why)
            self._is_down_logged = True

    def _log_reconnected(self) -> None:
        if self._is_down_logged:
            log.info("reconnected to %s", self._address)
            self._is_down_logged = False
