"""Warnings about a peer's mistakes, limited to one line per text in 30 s.

A faulty peer may repeat a mistake a thousand times a second."""

from __future__ import annotations

import logging
import math
from typing import Final

import trio

log = logging.getLogger("callchart")

#: The shortest time between two lines of the same text.
INTERVAL_SECONDS: Final = 30.0


class RateLimitedLog:
    """A log that counts the repetitions of a text instead of writing them."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, kind: str) -> None:
        """Log `kind`. Pass one of a few fixed texts, never a peer's data."""
        now = trio.current_time()
        if now < self._logged.get(kind, -math.inf) + INTERVAL_SECONDS:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._logged[kind] = now
        times = self._left_out.pop(kind, 0)
        log.warning("%s%s", kind, f" (and {times} times before)" if times else "")
