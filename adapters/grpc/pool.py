"""Several open connections to one address. A new call takes the one with the fewest calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from random import Random
from typing import Self

import trio

from callchart.adapters.grpc.channel import Channel, State
from callchart.adapters.grpc.dial import Address, Dial, dial
from callchart.adapters.grpc.exchange import Exchange
from callchart.adapters.grpc.keepalive import KEEPALIVE, Keepalive
from callchart.adapters.grpc.method import A, Method, Q
from callchart.adapters.grpc.stream import Stream, call


class Pool:
    """A pool for any number of parallel calls. Create it with `open`."""

    def __init__(
        self,
        address: Address,
        connections: int,
        dial: Dial,
        keepalive: Keepalive,
        random: Random,
    ) -> None:
        self._address = address
        self._turned = trio.lowlevel.ParkingLot()
        self._channels = [
            Channel(address, dial, keepalive, random, self._turned) for _ in range(connections)
        ]

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        address: Address,
        connections: int = 2,
        *,
        dial: Dial = dial,
        keepalive: Keepalive = KEEPALIVE,
        random: Random | None = None,
    ) -> AsyncIterator[Self]:
        """Open a pool and keep it connected until the block ends.

        If the server is down, that is logged and calls fail; `open` raises no error. `random` gives
        the delays between attempts their jitter, so that the clients of a server do not all
        reconnect at the same moment."""
        pool = cls(address, connections, dial, keepalive, random or Random())
        async with trio.open_nursery() as nursery:
            for channel in pool._channels:
                nursery.start_soon(channel.run, nursery)
            yield pool
            nursery.cancel_scope.cancel()

    def stream(
        self, method: Method[Q, A], metadata: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Stream[Q, A]]:
        """Make a call for the length of the block. The end of the block resets an unfinished call.

        Entering waits while the server has as many calls as it allows. Raises `ConnectionLost`, and
        `ValueError` for metadata that HTTP cannot carry."""
        begin = partial(self._begin, method.path, metadata or {})
        return call(method, str(self._address), begin)

    async def ready(self) -> None:
        """Wait until a connection is up. Raises `ConnectionLost` if all attempts have failed."""
        while (best := self._best()).state is State.CONNECTING:
            await self._turned.park()
        best.check()

    async def _begin(self, path: str, metadata: Mapping[str, str]) -> Exchange:
        await trio.lowlevel.checkpoint()
        while (best := self._best()).state in (State.FULL, State.CONNECTING):
            await self._turned.park()
        return best.begin(path, metadata)

    def _best(self) -> Channel:
        """Return the channel for the next call.

        Among channels with equally few calls, choose the one that has begun the fewest: so calls
        use all channels, and a broken one is noticed."""
        return min(self._channels, key=lambda each: (each.state, each.calls, each.begun))
