"""The requests to a test server, and the rules for its answers.

All threads of a server share them. Tests read the requests as `Asked`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any, Generic, TypeVar

Script = TypeVar("Script")

OPEN = "open"


@dataclass(slots=True)
class Asked:
    """One request. Moments are seconds of the machine's monotonic clock (`time.perf_counter`)."""

    #: "UtteranceSynthesis", "RecognizeStreaming", "tts:synthesize", "chat/completions", ...
    method: str
    #: The text to speak, or the last message to the model; "" without a text.
    text: str
    #: A hash of the request's key or token (`fingerprint`); "" without one.
    key: str
    #: Address and port of the client; each connection has its own.
    peer: str
    #: The request itself, as JSON; for a stream, its first message.
    request: dict[str, Any] = field(default_factory=dict)
    at: float = 0.0
    #: When the first sound or text was sent, and when the request ended.
    first: float | None = None
    ended: float | None = None
    #: "open", "ok", "cancelled" by the client, or the status or fault that ended it.
    outcome: str = OPEN


class Exchange:
    """A request in progress."""

    def __init__(self, asked: Asked, changed: threading.Condition) -> None:
        self._asked, self._changed = asked, changed

    def add_text(self, text: str) -> None:
        """Add text that arrived in a stream."""
        with self._changed:
            self._asked.text = f"{self._asked.text} {text}".strip()

    def record_piece(self) -> None:
        """Record the moment of the first piece that is sent; ignore later pieces."""
        if self._asked.first is None:
            self._asked.first = perf_counter()

    def end(self, outcome: str = "ok") -> None:
        """End the request. The first outcome counts."""
        with self._changed:
            if self._asked.outcome == OPEN:
                self._asked.outcome, self._asked.ended = outcome, perf_counter()
                self._changed.notify_all()


class Exchanges:
    """All requests since the start or the last `clear`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked: list[Asked] = []

    def begin(self, asked: Asked) -> Exchange:
        asked.at = perf_counter()
        with self._changed:
            self._asked.append(asked)
            self._changed.notify_all()
        return Exchange(asked, self._changed)

    def clear(self) -> None:
        with self._changed:
            self._asked.clear()

    def as_json(self) -> list[dict[str, Any]]:
        with self._changed:
            return [asdict(asked) for asked in self._asked]

    def wait(self, open_: int | None, asked: int | None, seconds: float) -> bool:
        """Wait until `open_` requests are open and `asked` came; return False on timeout."""

        def is_reached() -> bool:
            open_now = sum(each.outcome == OPEN for each in self._asked)
            return (open_ is None or open_now == open_) and len(self._asked) >= (asked or 0)

        with self._changed:
            return self._changed.wait_for(is_reached, seconds)


@dataclass(slots=True)
class _Rule(Generic[Script]):
    script: Script
    containing: str
    times: int | None


class Rules(Generic[Script]):
    """The rules that choose a script: the first that fits the text and is not used up."""

    def __init__(self, otherwise: Callable[[], Script]) -> None:
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self._rules: list[_Rule[Script]] = []

    def add(self, script: Script, containing: str, times: int | None) -> None:
        """Add a rule for the next `times` texts that contain `containing`; None: for all."""
        with self._lock:
            self._rules.append(_Rule(script, containing, times))

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, text: str = "") -> Script:
        with self._lock:
            for rule in self._rules:
                if rule.containing in text and rule.times != 0:
                    if rule.times is not None:
                        rule.times -= 1
                    return rule.script
        return self._otherwise()


def fingerprint(secret: str) -> str:
    """Return a short hash, which tells secrets apart without showing them; "" for ""."""
    return secret and hashlib.sha256(secret.encode()).hexdigest()[:12]
