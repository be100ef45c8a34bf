"""The delays between attempts to reconnect or to retry."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double from `first_s` to `longest_s`, in seconds.

    Each delay is multiplied by a random factor between the two of `jitter`, so that the clients of
    one server do not all reconnect at the same moment."""

    first_s: float
    longest_s: float
    jitter: tuple[float, float] = (1.0, 1.0)

    def delay_s(self, retries: int, random: Random | None = None) -> float:
        """Return the seconds before the next attempt, after `retries` earlier delays.

        Without `random` the delay has no jitter."""
        # A float overflows at 2.0**1024.
        delay_s = min(self.first_s * 2.0 ** min(retries, 100), self.longest_s)
        return delay_s if random is None else delay_s * random.uniform(*self.jitter)
