"""Several warm connections to one address; a call takes the one that has the fewest."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Self

import trio

from adapters.grpc.channel import Channel, State
from adapters.grpc.dial import Address, Dial, dial
from adapters.grpc.errors import ConnectionLost
from adapters.grpc.exchange import Exchange
from adapters.grpc.keepalive import KEEPALIVE, Keepalive
from adapters.grpc.method import A, Method, Q
from adapters.grpc.stream import Stream, call


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
        """See `Channel.open`."""
        pool = cls(address, connections, dial, keepalive, luck or random.Random())
        async with trio.open_nursery() as nursery:
            for channel in pool._channels:
                nursery.start_soon(channel.run, nursery)
            yield pool
            nursery.cancel_scope.cancel()

    def stream(
        self, method: Method[Q, A], metadata: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Stream[Q, A]]:
        """See `Channel.stream`."""
        begin = partial(self._begin, method.path, metadata or {})
        return call(method, str(self._address), begin)

    async def ready(self) -> None:
        """Wait for a connection to be up. Raises `ConnectionLost` once all attempts have failed."""
        await (await self._best()).ready()

    async def _begin(self, path: str, metadata: Mapping[str, str]) -> Exchange:
        while (best := await self._best()).state is not State.PAUSING:
            # Where it loses its connection meanwhile, another may do.
            with suppress(ConnectionLost):
                return await best.begin(path, metadata)
        return await best.begin(path, metadata)  # which says why not

    async def _best(self) -> Channel:
        """The channel for the next call, once there is one that need not be waited for.

        Of those that have as few calls, the one that had the fewest: all are used, and what is
        used is known to work."""
        while True:
            best = min(self._channels, key=lambda one: (one.state, one.calls, one.begun))
            if best.state is not State.CONNECTING:
                return best
            await self._turned.park()
