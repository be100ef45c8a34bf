"""The providers that a configuration chooses, and the resources that they share while open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Self, TypeVar, cast

import trio

P = TypeVar("P", covariant=True)
T = TypeVar("T")


class SharedResources:
    """The sample rate of calls, and the resources that several providers share. Made by `open`."""

    def __init__(self, rate_hz: int, nursery: trio.Nursery) -> None:
        self.rate_hz = rate_hz
        self._nursery = nursery
        self._shared: dict[object, object] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, rate_hz: int) -> AsyncIterator[Self]:
        """Yield the resources. Open and close all providers within the block."""
        async with trio.open_nursery() as nursery:
            yield cls(rate_hz, nursery)
            nursery.cancel_scope.cancel()

    async def share(self, open: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Return what `open` opens. Callers with an equal `open` get the same object, until the
        block ends."""
        if open not in self._shared:
            self._shared[open] = await self._nursery.start(_hold, open)
        return cast(T, self._shared[open])


async def _hold(
    open: Callable[[], AbstractAsyncContextManager[object]],
    task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
) -> None:
    async with open() as opened:
        task_status.started(opened)
        await trio.sleep_forever()


#: A function that opens a provider; entering may raise `ProviderError`, maybe in a group.
Opener = Callable[[SharedResources], AbstractAsyncContextManager[P]]


@dataclass(frozen=True, slots=True)
class Provider(Generic[P]):
    """A provider that was chosen by name, with its options in `open`.

    `key` holds the options that change the sound of a synthesizer. `reach` checks the server of a
    provider that itself retries without end: it raises `ProviderError` with the reason."""

    name: str
    open: Opener[P]
    key: tuple[str, ...] = ()
    reach: Callable[[], Awaitable[None]] | None = None
