"""A failed request: its cause, its cure, and whether to retry it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx2

from callchart.engine.ports import ProviderError

PROVIDER = "openai"

#: Seconds before the retry after a broken connection or a server error (5xx).
RETRY_AFTER_S = 0.1
#: The longest `retry-after` that we accept, in seconds: the caller hears silence meanwhile.
_LONGEST_RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason for a failed request. `retry_after_s`: seconds before a retry; None: no retry."""

    error: ProviderError
    retry_after_s: float | None = None


def server_retry_after_s(response: httpx2.Response) -> float | None:
    """Return the seconds before a retry; None if a retry is useless, or would come too late."""
    said = response.headers.get("retry-after")
    if said is None:
        return RETRY_AFTER_S if response.status_code >= 500 else None
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", said):  # a date has whole seconds: too coarse
        return None
    return float(said) if float(said) <= _LONGEST_RETRY_AFTER_S else None
