"""Several warm connections to one address; a call takes the one that has the fewest."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Self

import trio

from callchart.adapters.grpc.channel import Channel, State
from callchart.adapters.grpc.dial import Address, Dial, dial
from callchart.adapters.grpc.exchange import Exchange
from callchart.adapters.grpc.keepalive import KEEPALIVE, Keepalive
from callchart.adapters.grpc.method import A, Method, Q
from callchart.adapters.grpc.stream import Stream, call


class Pool:
    """Made by `open`. Serves any number of calls at once."""

    def __init__(
        self,
        address: Address,
        connections: int,
        dial: Dial,
        keepalive: Keepalive,
        luck: random.Random,
    ) -> None:
        self._address = address
        self._turned = trio.lowlevel.ParkingLot()
        self._channels = [
            Channel(address, dial, keepalive, luck, self._turned) for _ in range(connections)
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
        luck: random.Random | None = None,
    ) -> AsyncIterator[Self]:
        """A pool that connects by itself, from now to the end of the block. It is no failure if the
        server is down: it is logged, and calls say so. `luck` spreads the pauses between attempts,
        so that not all clients of a server come back at once."""
        pool = cls(address, connections, dial, keepalive, luck or random.Random())
        async with trio.open_nursery() as nursery:
            for channel in pool._channels:
                nursery.start_soon(channel.run, nursery)
            yield pool
            nursery.cancel_scope.cancel()

    def stream(
        self, method: Method[Q, A], metadata: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Stream[Q, A]]:
        """A call, which ends with the block: left before its end, it is reset at the server, at
        once. It waits where the server has as many calls as it takes.

        Raises `ConnectionLost`, and `ValueError` for metadata that cannot be sent."""
        begin = partial(self._begin, method.path, metadata or {})
        return call(method, str(self._address), begin)

    async def ready(self) -> None:
        """Wait for a connection to be up. Raises `ConnectionLost` once all attempts have failed."""
        while (best := self._best()).state is State.CONNECTING:
            await self._turned.park()
        best.check()

    async def _begin(self, path: str, metadata: Mapping[str, str]) -> Exchange:
        await trio.lowlevel.checkpoint()
        while (best := self._best()).state in (State.FULL, State.CONNECTING):
            await self._turned.park()
        return best.begin(path, metadata)

    def _best(self) -> Channel:
        """The channel for the next call. Of those that have as few calls, the one that had the
        fewest: all are used, and what is used is known to work."""
        return min(self._channels, key=lambda one: (one.state, one.calls, one.begun))
