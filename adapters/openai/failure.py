"""A failed request: its cause, its cure, and whether to ask once more."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx2

from callchart.engine.ports import ProviderError

PROVIDER = "openai"

#: Seconds after which a server that broke off, or was in trouble, is asked again.
AGAIN = 0.1
#: The longest that a server may ask us to wait (s): somebody listens to the silence.
_LONGEST_WAIT = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer. `again_after`: after so many seconds it is worth another try."""

    error: ProviderError
    again_after: float | None = None


def when_to_ask_again(response: httpx2.Response) -> float | None:
    """When to ask again, as the server says; None when that is too late for a telephone call."""
    said = response.headers.get("retry-after")
    if said is None:
        return AGAIN if response.status_code >= 500 else None
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", said):  # a date: whole seconds are too coarse anyway
        return None
    return float(said) if float(said) <= _LONGEST_WAIT else None
