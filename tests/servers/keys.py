"""Access: API keys, and IAM tokens that this server issues and that expire."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter

#: The prefix of our tokens. `expire` affects no others.
OURS = "t1.test-"

TWELVE_HOURS = 43_200.0


class Keys:
    """The accepted keys and the issued tokens, shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._accepted: frozenset[str] | None = None
            self._life = TWELVE_HOURS
            self._ends: dict[str, float] = {}

    def accept(self, keys: Sequence[str]) -> None:
        """Accept only these keys and tokens, and the tokens that this server issues."""
        with self._lock:
            self._accepted = frozenset(keys)

    def set_lifetime(self, seconds: float) -> None:
        """Set the lifetime of new tokens."""
        with self._lock:
            self._life = seconds

    def expire(self) -> None:
        """Expire all issued tokens now."""
        with self._lock:
            self._ends = dict.fromkeys(self._ends, 0.0)

    def token(self) -> tuple[str, float, datetime]:
        """Return a new token, its lifetime in seconds, and when it expires."""
        token = OURS + secrets.token_hex(16)
        with self._lock:
            self._ends[token] = perf_counter() + self._life
            return token, self._life, datetime.now(UTC) + timedelta(seconds=self._life)

    def refuse(self, authorization: str) -> str:
        """Return the reason to refuse an `authorization` header, or ""."""
        scheme, _, key = authorization.partition(" ")
        if scheme not in ("Api-Key", "Bearer") or not key:
            return "the request has no key and no token"
        with self._lock:
            if key.startswith(OURS):
                good = perf_counter() < self._ends.get(key, 0.0)
                return "" if good else "the token has expired"
            good = self._accepted is None or key in self._accepted
            return "" if good else "the key is unknown"
