"""How often a second provider had to be asked, and why: the share of fallbacks is a figure that an
operator watches."""

from __future__ import annotations

from dataclasses import dataclass

from callchart.adapters.fallback.failures import Late, NotAsked
from callchart.engine.ports import ProviderError


@dataclass(slots=True)
class Tally:
    """Requests since the start, those among them that were handed to the second provider, by
    reason, and those that the second failed as well."""

    requests: int = 0
    late: int = 0
    error: int = 0
    not_asked: int = 0
    both_failed: int = 0

    @property
    def by_second(self) -> int:
        """How many requests the second provider got."""
        return self.late + self.error + self.not_asked

    @property
    def share(self) -> float:
        """Of all requests, those that the second provider got: 0 to 1."""
        return self.by_second / self.requests if self.requests else 0.0

    def handed_on(self, failure: ProviderError) -> None:
        """The second provider is asked, because of this failure of the first."""
        match failure:
            case Late():
                self.late += 1
            case NotAsked():
                self.not_asked += 1
            case _:
                self.error += 1
