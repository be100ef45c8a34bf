"""The base of the carrier's errors."""

from __future__ import annotations

from typing import Final

#: The cure for a failure whose cause only Asterisk knows.
SEE_LOG: Final = "see Asterisk's log"


class AsteriskFailure(Exception):
    """An error with its reason and, if we know one, the cure: what the operator can do."""

    def __init__(self, reason: str, cure: str = "") -> None:
        super().__init__(f"{reason}; {cure}" if cure else reason)
        self.reason, self.cure = reason, cure
