"""Several warm connections to one address; a call takes the one that has the fewest."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Self, TypeVar

from adapters.grpc.channel import Channel
from adapters.grpc.dial import Address, Dial, dial
from adapters.grpc.errors import ConnectionLost
from adapters.grpc.exchange import Exchange
from adapters.grpc.keepalive import KEEPALIVE, Keepalive
from adapters.grpc.method import A, Method, Q
from adapters.grpc.stream import Stream, call

T = TypeVar("T")


class Pool:
    """Made by `open`. Serves any number of calls at once."""

    def __init__(self, address: Address, channels: Sequence[Channel]) -> None:
        self._address, self._channels = address, channels

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
        async with AsyncExitStack() as stack:
            opened = [
                Channel.open(address, dial=dial, keepalive=keepalive, luck=luck)
                for _ in range(connections)
            ]
            yield cls(address, [await stack.enter_async_context(one) for one in opened])

    def stream(
        self, method: Method[Q, A], metadata: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Stream[Q, A]]:
        """See `Channel.stream`."""
        begin = partial(self._begin, method.path, metadata or {})
        return call(method, str(self._address), begin)

    async def ready(self) -> None:
        """Wait until a connection is up. Raises `ConnectionLost` if none comes up at once."""
        await self._ask(Channel.ready)

    async def _begin(self, path: str, metadata: Mapping[str, str]) -> Exchange:
        return await self._ask(lambda channel: channel.begin(path, metadata))

    async def _ask(self, what: Callable[[Channel], Awaitable[T]]) -> T:
        """Ask the channel that likes it best; where it has no connection, the next."""
        untried = list(self._channels)
        while True:
            channel = min(untried, key=lambda channel: channel.reluctance)
            untried.remove(channel)
            try:
                return await what(channel)
            except ConnectionLost:
                if not untried:
                    raise
