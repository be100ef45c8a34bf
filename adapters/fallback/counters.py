"""Counters of the requests that went to a second provider, by reason.

Operators watch the ratio of fallbacks."""

from __future__ import annotations

from dataclasses import dataclass

from callchart.adapters.fallback.failures import Late, NotAsked
from callchart.engine.ports import ProviderError


@dataclass(slots=True)
class FallbackCounters:
    """Counts since the start.

    `requests` counts all requests; `late`, `error` and `not_asked` those to the second provider, by
    reason; `both_failed` those that both providers failed."""

    requests: int = 0
    late: int = 0
    error: int = 0
    not_asked: int = 0
    both_failed: int = 0

    @property
    def by_second(self) -> int:
        """The number of requests that the second provider got."""
        return self.late + self.error + self.not_asked

    @property
    def ratio(self) -> float:
        """The share of all requests that the second provider got: 0 to 1."""
        return self.by_second / self.requests if self.requests else 0.0

    def record_fallback(self, failure: ProviderError) -> None:
        """Count a request that goes to the second provider because of this failure of the first."""
        match failure:
            case Late():
                self.late += 1
            case NotAsked():
                self.not_asked += 1
            case _:
                self.error += 1
