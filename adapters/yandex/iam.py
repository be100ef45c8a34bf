"""IAM tokens that are fetched, kept, and renewed long before they expire.

A token lives for 12 hours at most. One task renews it after a tenth of its life, so that the token
service may be down for hours before a call notices. A renewal that fails is retried with growing
delays. A token that expires during a call does not disturb the call: Yandex checks the token only
when a request begins.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Self

import trio

from callchart.adapters.backoff import Backoff
from callchart.adapters.yandex.credentials import checked
from callchart.adapters.yandex.refusals import PROVIDER
from callchart.engine.ports import ProviderError

log = logging.getLogger(__name__)

#: A token is renewed after this part of its life: Yandex asks clients not to wait until it expires.
RENEWAL_RATIO: Final = 0.1
#: Least seconds of use. The metadata service returns the same token for a while, and its remaining
#: life shrinks: without this bound, renewals would follow each other ever faster.
SHORTEST_USE_S: Final = 60.0

RETRY: Final = Backoff(first_s=1.0, longest_s=60.0)

#: The least seconds from one token to the next.
SOONEST_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and the seconds from now until it expires."""

    text: str = field(repr=False)
    life_s: float


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
        """Fetch tokens from `source` until the block ends. Callers wait for the first one."""
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
        """See `Credentials`. Callers that ask together share one renewal."""
        await trio.lowlevel.checkpoint()
        if self._authorization == refused:
            self._raise_failure()
            self._wanted.set()
            await self._turned.park()
            self._raise_failure()
        return True

    async def _keep_fresh(self) -> None:
        failures = 0
        while True:
            began = trio.current_time()
            try:
                token = await self._source()
                self._take(token, began)
            except ProviderError as error:
                delay_s = RETRY.delay_s(failures)
                log.warning("IAM token not renewed, retry in %g s: %s", delay_s, error)
                self._failure = error
                until = trio.current_time() + delay_s
                failures += 1
            else:
                until, failures = began + use_of(token), 0
            self._wanted = trio.Event()
            self._turned.unpark_all()
            if self._failure is None:
                with trio.move_on_at(until):
                    await self._wanted.wait()
                until = began + SOONEST_S
            # After a failure, a caller does not shorten the delay: it gets the error.
            await trio.sleep_until(until)

    def _take(self, token: Token, began: float) -> None:
        self._authorization = f"Bearer {checked(token.text, 'the IAM token')}"
        self._ends = began + token.life_s
        self._failure = None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise ProviderError(PROVIDER, self._failure.reason, self._failure.cure)


def use_of(token: Token) -> float:
    """Return the seconds after which a token is replaced."""
    return max(token.life_s * RENEWAL_RATIO, min(SHORTEST_USE_S, token.life_s / 2))
