"""Counters of one model's requests and their latency, which operators watch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class ModelCounters:
    """Since the start. `requests` counts each one that was sent: an answer that uses tools has
    several, and `retries` are among them. `failures`: answers that ended in an error.

    The first token's latency (s), from the request, or from the first try where there were two: of
    how many requests, their sum, and the longest."""

    requests: int = 0
    retries: int = 0
    failures: int = 0
    first_tokens: int = 0
    first_token_sum: float = 0.0
    first_token_longest: float = 0.0

    def asked(self) -> Self:
        return replace(self, requests=self.requests + 1)

    def tried_again(self) -> Self:
        return replace(self, retries=self.retries + 1)

    def failed(self) -> Self:
        return replace(self, failures=self.failures + 1)

    def began(self, latency: float) -> Self:
        """The first token came, `latency` seconds after the request."""
        return replace(
            self,
            first_tokens=self.first_tokens + 1,
            first_token_sum=self.first_token_sum + latency,
            first_token_longest=max(self.first_token_longest, latency),
        )
