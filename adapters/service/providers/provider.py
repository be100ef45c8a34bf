"""Providers that a configuration has chosen, how they are opened, and what they share then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Self, TypeVar, cast

import trio

P = TypeVar("P", covariant=True)
T = TypeVar("T")


class Opening:
    """What providers are opened with: calls have `rate_hz` samples a second. Made by `begun`."""

    def __init__(self, rate_hz: int, nursery: trio.Nursery) -> None:
        self.rate_hz = rate_hz
        self._nursery = nursery
        self._shared: dict[object, object] = {}

    @classmethod
    @asynccontextmanager
    async def begun(cls, rate_hz: int) -> AsyncIterator[Self]:
        """For as long as the block, in which all providers are opened and closed."""
        async with trio.open_nursery() as nursery:
            yield cls(rate_hz, nursery)
            nursery.cancel_scope.cancel()

    async def shared(self, open: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """What `open` opens for all who ask for the same: once, until all of them are closed."""
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


#: Opens a provider; entering may raise `ProviderError`, maybe in a group.
Opener = Callable[[Opening], AbstractAsyncContextManager[P]]


@dataclass(frozen=True, slots=True)
class Provider(Generic[P]):
    """A provider that was chosen by name, with its options in `open`.

    `key`: of a voice, all of them that change how it sounds. `reach`, of one that goes on trying
    where its server is not there: raises `ProviderError` for why it cannot be reached."""

    name: str
    open: Opener[P]
    key: tuple[str, ...] = ()
    reach: Callable[[], Awaitable[None]] | None = None
