"""Warnings of what others do wrong, which they may do a thousand times a second: each kind is
logged when it is met, and then seldom."""

from __future__ import annotations

import logging
import math
from typing import Final

import trio

log = logging.getLogger("callchart")

#: From one line about a kind to the next one.
SECONDS: Final = 30.0


class Complaints:
    """One for whatever the complaints are about."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def about(self, kind: str) -> None:
        """Log `kind`: one of a few texts, none of which holds what somebody sent."""
        now = trio.current_time()
        if now < self._logged.get(kind, -math.inf) + SECONDS:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._logged[kind] = now
        times = self._left_out.pop(kind, 0)
        log.warning("%s%s", kind, f" (and {times} times before)" if times else "")
