"""Counters of one model's requests and their latency, which operators watch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class ModelCounters:
    """The counts since the start.

    `requests` counts all requests, `retries` included; an answer that uses tools has several.
    `failures` counts the answers that ended in an error.

    `first_tokens` counts the first tokens. The latency of one is the time from the request, before
    any retry, to the token. `first_token_sum_s` is the sum of the latencies."""

    requests: int = 0
    retries: int = 0
    failures: int = 0
    first_tokens: int = 0
    first_token_sum_s: float = 0.0
    first_token_longest_s: float = 0.0

    def with_request(self) -> Self:
        return replace(self, requests=self.requests + 1)

    def with_retry(self) -> Self:
        return replace(self, retries=self.retries + 1)

    def with_failure(self) -> Self:
        return replace(self, failures=self.failures + 1)

    def with_first_token(self, latency_s: float) -> Self:
        """Return the counts with one more first token, which came `latency_s` after the request."""
        return replace(
            self,
            first_tokens=self.first_tokens + 1,
            first_token_sum_s=self.first_token_sum_s + latency_s,
            first_token_longest_s=max(self.first_token_longest_s, latency_s),
        )
