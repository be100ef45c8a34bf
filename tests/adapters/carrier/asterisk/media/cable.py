"""A network between us and Asterisk that a test can cut."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio


class Cable:
    """A proxy of TCP connections, from `port` to the port `target` of 127.0.0.1."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._is_cut = False
        self._ends: set[trio.SocketStream] = set()

    async def cut(self) -> None:
        """Break all connections, and let none through until `mend`."""
        self._is_cut = True
        for end in tuple(self._ends):
            await trio.aclose_forcefully(end)

    def mend(self) -> None:
        self._is_cut = False

    async def pass_on(self, near: trio.SocketStream) -> None:
        with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            if not self._is_cut:
                far = await trio.open_tcp_stream("127.0.0.1", self._target)
                await self._join(near, far)
        await trio.aclose_forcefully(near)

    async def _join(self, near: trio.SocketStream, far: trio.SocketStream) -> None:
        self._ends |= {near, far}
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._copy, near, far, nursery.cancel_scope)
                nursery.start_soon(self._copy, far, near, nursery.cancel_scope)
        finally:
            self._ends -= {near, far}
            await trio.aclose_forcefully(far)

    async def _copy(
        self, source: trio.SocketStream, sink: trio.SocketStream, both: trio.CancelScope
    ) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                await sink.send_all(data)
        both.cancel()


@asynccontextmanager
async def cable(target: int) -> AsyncIterator[Cable]:
    between = Cable(target)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, between.pass_on, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        between.port = listener.socket.getsockname()[1]
        yield between
        nursery.cancel_scope.cancel()
