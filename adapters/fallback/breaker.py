"""A circuit breaker: a provider that keeps failing is left alone for a while, so that nobody waits
for it in vain.

Closed, every request goes through. After some failures in a row it opens: no request goes through
for a cool-down. Then it is half open: one request at a time goes through and is the probe. Its
success closes the breaker; its failure opens it again, for twice as long, up to a bound."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import trio

from callchart.adapters.fallback.failures import NotAsked
from callchart.engine.ports import ProviderError

log = logging.getLogger("callchart")

#: More than one reply asks for side by side: a hiccup that hits all of them is not enough.
FAILURES: Final = 5
#: Seconds. A connection that broke is there again by then; a restarted service within the longest.
COOL_DOWN: Final = 5.0
LONGEST_COOL_DOWN: Final = 60.0


class Breaker:
    """One for a provider, whoever calls. `failures` in a row open it, for `cool_down` seconds."""

    def __init__(
        self,
        provider: str,
        *,
        failures: int = FAILURES,
        cool_down: float = COOL_DOWN,
        longest_cool_down: float = LONGEST_COOL_DOWN,
    ) -> None:
        self.provider = provider
        self._most_failures = failures
        self._first_cool_down, self._longest_cool_down = cool_down, longest_cool_down
        self._state: Literal["closed", "open", "half open"] = "closed"
        #: Counts the changes of state: what comes of a request that began before one is no news.
        self._stay = 0
        self._failures = 0
        self._cool_down = cool_down
        self._cool_at = 0.0
        self._opened_at = 0.0
        self._last_failure = ProviderError(provider, "")

    @property
    def state(self) -> Literal["closed", "open", "half open"]:
        """Half open while a probe is under way."""
        return self._state

    @contextmanager
    def request(self) -> Iterator[None]:
        """Around one request: a `ProviderError` in it is a failure, its normal end a success.

        Any other end (cancelled, an error of who asked) is neither, and makes way for the next
        probe. Entering raises `NotAsked` while the breaker is open or a probe is under way."""
        self._admit()
        stay = self._stay
        try:
            yield
        except ProviderError as failure:
            if stay == self._stay:
                self._failed(failure)
            raise
        except BaseException:
            if stay == self._stay and self._state == "half open":
                self._enter("open")
            raise
        if stay == self._stay:
            self._succeeded()

    def _admit(self) -> None:
        if self._state == "closed":
            return
        if self._state == "half open" or trio.current_time() < self._cool_at:
            last = self._last_failure
            raise NotAsked(self.provider, f"not asked, for it failed: {last.reason}", last.cure)
        self._enter("half open")

    def _failed(self, failure: ProviderError) -> None:
        now = trio.current_time()
        # Not the error itself: its traceback holds on to all that the request held.
        self._last_failure = ProviderError(failure.provider, failure.reason, failure.cure)
        if self._state == "half open":
            self._cool_down = min(self._cool_down * 2, self._longest_cool_down)
        else:
            self._failures += 1
            if self._failures < self._most_failures:
                return
            self._cool_down, self._opened_at = self._first_cool_down, now
            log.warning(
                "%s is left alone for %g s: it failed %d times in a row, at last so: %s",
                self.provider,
                self._cool_down,
                self._failures,
                failure,
            )
        self._cool_at = now + self._cool_down
        self._enter("open")

    def _succeeded(self) -> None:
        self._failures = 0
        if self._state == "half open":
            self._enter("closed")
            log.warning(
                "%s is asked again, after %.0f s: it answers; its last failure was: %s",
                self.provider,
                trio.current_time() - self._opened_at,
                self._last_failure,
            )

    def _enter(self, state: Literal["closed", "open", "half open"]) -> None:
        self._state = state
        self._stay += 1
