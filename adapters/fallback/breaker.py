"""A circuit breaker: it keeps requests away from a provider that keeps failing.

While it is closed, every request goes through. After some failures in a row it opens, and no
request goes through for a cool-down. Then it is half open: one request at a time goes through, as
the probe. A probe that succeeds closes the breaker. A probe that fails opens it again, for twice
as long, up to a limit."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import trio

from callchart.adapters.backoff import Backoff
from callchart.adapters.fallback.failures import NotAsked
from callchart.engine.ports import ProviderError

log = logging.getLogger("callchart")

#: More than the simultaneous requests of one reply: a short fault that fails all of them does not
#: open the circuit.
FAILURES: Final = 5
#: The first cool-down is long enough to restore a connection, the longest to restart a service.
COOL_DOWN_S: Final = 5.0
LONGEST_COOL_DOWN_S: Final = 60.0


class Breaker:
    """The breaker of one provider, for all calls.

    `failures` in a row open it for `cool_down_s` seconds. Each failed probe doubles the cool-down,
    up to `longest_cool_down_s`."""

    def __init__(
        self,
        provider: str,
        *,
        failures: int = FAILURES,
        cool_down_s: float = COOL_DOWN_S,
        longest_cool_down_s: float = LONGEST_COOL_DOWN_S,
    ) -> None:
        self.provider = provider
        self._most_failures = failures
        self._cool_downs = Backoff(cool_down_s, longest_cool_down_s)
        self._state: Literal["closed", "open", "half open"] = "closed"
        #: The number of state changes. The result of a request that began before the last change is
        #: ignored.
        self._changes = 0
        self._failures = 0
        self._failed_probes = 0
        self._cool_at_s = 0.0
        self._opened_at_s = 0.0
        self._last_failure = ProviderError(provider, "")

    @property
    def state(self) -> Literal["closed", "open", "half open"]:
        """The state, which is half open while a probe runs."""
        return self._state

    @contextmanager
    def request(self) -> Iterator[None]:
        """Guard one request: a `ProviderError` in the block is a failure, its normal end a success.

        Another end (a cancellation, an error of the caller) is neither, and lets the next probe go
        through. Entering raises `NotAsked` while the breaker is open or a probe runs."""
        self._admit()
        changes = self._changes
        try:
            yield
        except ProviderError as failure:
            if changes == self._changes:
                self._failed(failure)
            raise
        except BaseException:
            if changes == self._changes and self._state == "half open":
                self._enter("open")
            raise
        if changes == self._changes:
            self._succeeded()

    def _admit(self) -> None:
        if self._state == "closed":
            return
        if self._state == "half open" or trio.current_time() < self._cool_at_s:
            last = self._last_failure
            raise NotAsked(self.provider, f"circuit open: {last.reason}", last.cure)
        self._enter("half open")

    def _failed(self, failure: ProviderError) -> None:
        now_s = trio.current_time()
        # Keep a copy: the traceback of the error would keep all objects of the request in memory.
        self._last_failure = ProviderError(failure.provider, failure.reason, failure.cure)
        if self._state == "half open":
            self._failed_probes += 1
        else:
            self._failures += 1
            if self._failures < self._most_failures:
                return
            self._failed_probes, self._opened_at_s = 0, now_s
            log.warning(
                "%s circuit open for %g s: %d failures in a row (last: %s)",
                self.provider,
                self._cool_downs.delay_s(0),
                self._failures,
                failure,
            )
        self._cool_at_s = now_s + self._cool_downs.delay_s(self._failed_probes)
        self._enter("open")

    def _succeeded(self) -> None:
        self._failures = 0
        if self._state == "half open":
            self._enter("closed")
            log.warning(
                "%s circuit closed after %.0f s (last failure: %s)",
                self.provider,
                trio.current_time() - self._opened_at_s,
                self._last_failure,
            )

    def _enter(self, state: Literal["closed", "open", "half open"]) -> None:
        self._state = state
        self._changes += 1
