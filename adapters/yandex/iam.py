"""IAM tokens: fetched, kept, and renewed long before they end.

A token lives for 12 hours at most. One task renews it after a tenth of its life, so that its
service may be down for hours before a call notices; a failed renewal is tried again, ever less
often. A token that ends in mid-call does not disturb the call: it was looked at when it began.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Self

import trio

from callchart.adapters.yandex.credentials import checked
from callchart.adapters.yandex.refusals import PROVIDER
from callchart.engine.ports import ProviderError

log = logging.getLogger(__name__)

#: Of a token's life. Yandex asks its users not to wait for its end, and gives machines the same
#: token for a while, whose remaining life gets shorter: hence a pause that is no shorter.
RENEWED_AFTER: Final = 0.1
SHORTEST_USE: Final = 60.0

#: Seconds between attempts that fail: they double from the first to the last.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0

#: Seconds from one token to the next, whoever asks for it.
SOONEST: Final = 1.0


@dataclass(frozen=True, slots=True)
class Token:
    """A token and how many seconds it lives from now."""

    text: str = field(repr=False)
    life: float


#: Fetches a new token. Raises `ProviderError`.
Source = Callable[[], Awaitable[Token]]


class IamTokens:
    """`Credentials`. Made by `open`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._authorization = ""
        self._ends = 0.0
        self._failure: ProviderError | None = None
        self._wanted = trio.Event()
        self._turned = trio.lowlevel.ParkingLot()

    @classmethod
    @asynccontextmanager
    async def open(cls, source: Source) -> AsyncIterator[Self]:
        """Tokens from `source`, the first of them on its way: whoever needs it waits for it."""
        tokens = cls(source)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tokens._keep_fresh)
            yield tokens
            nursery.cancel_scope.cancel()

    async def authorization(self) -> str:
        """See `Credentials`."""
        await trio.lowlevel.checkpoint()
        while not self._authorization or trio.current_time() >= self._ends:
            self._raise_failure()
            self._wanted.set()
            await self._turned.park()
        return self._authorization

    async def renew(self, refused: str) -> bool:
        """See `Credentials`. However many ask, one renewal answers them all."""
        await trio.lowlevel.checkpoint()
        if self._authorization == refused:
            self._raise_failure()
            self._wanted.set()
            await self._turned.park()
            self._raise_failure()
        return True

    async def _keep_fresh(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = trio.current_time()
            try:
                token = await self._source()
                self._take(token, began)
            except ProviderError as error:
                log.warning("no new IAM token, trying again in %g s: %s", pause, error)
                self._failure = error
                until, pause = trio.current_time() + pause, min(pause * 2, LONGEST_PAUSE)
            else:
                until, pause = began + use_of(token), FIRST_PAUSE
            self._wanted = trio.Event()
            self._turned.unpark_all()
            if self._failure is None:
                with trio.move_on_at(until):
                    await self._wanted.wait()
                until = began + SOONEST
            # A failure is not hurried by those who ask: they are told of it.
            await trio.sleep_until(until)

    def _take(self, token: Token, began: float) -> None:
        self._authorization = f"Bearer {checked(token.text, 'the IAM token')}"
        self._ends = began + token.life
        self._failure = None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise ProviderError(PROVIDER, self._failure.reason, self._failure.cure)


def use_of(token: Token) -> float:
    """Seconds after which a token is replaced."""
    return max(token.life * RENEWED_AFTER, min(SHORTEST_USE, token.life / 2))
