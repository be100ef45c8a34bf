"""One call's playback to Asterisk's chan_websocket, as messages. No I/O here.

Theory of operation. Asterisk paces playback from a queue of 1000 frames, and silently drops the
excess. So most audio waits here, and Asterisk holds at most `HELD_SECONDS`, by our own count.
Asterisk's MEDIA_XOFF is a second limit: it lasts until MEDIA_XON or, if that is lost, until
Asterisk's queue is empty by our count. A flush overtakes everything: it empties the queue here, and
its command is the next message."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable
from typing import Final

#: The most audio that Asterisk holds: half of its queue. It sends MEDIA_XOFF at 900 frames (18 s).
HELD_SECONDS: Final = 10.0

#: The audio in one message. It is short, because a flush waits for the message that is being
#: written. Asterisk drops bytes beyond 65,000, and a partial frame.
MESSAGE_SECONDS: Final = 0.2


class WebSocketPlayback:
    """One call's playback at `rate_hz`, by the clock `now` (seconds)."""

    def __init__(self, rate_hz: int, now: Callable[[], float]) -> None:
        self._now = now
        self._bytes_per_s = rate_hz * 2
        self._message_bytes = round(MESSAGE_SECONDS * self._bytes_per_s)
        #: Audio as bytes, and marks as the correlation ids that Asterisk will return.
        self._queue: deque[bytes | str] = deque()
        self._marks: dict[str, int] = {}
        self._last_id = 0
        #: When Asterisk will have played all audio sent to it.
        self._ends_at_s = -math.inf
        self._flushing = self._buffering = self._xoff = False

    def play(self, pcm: bytes) -> None:
        """Append whole frames."""
        self._queue.extend(
            pcm[at : at + self._message_bytes] for at in range(0, len(pcm), self._message_bytes)
        )

    def mark(self, mark: int) -> None:
        # Number the marks ourselves: the engine may reuse the number of a flushed mark while
        # Asterisk's message about that mark is still on its way.
        self._last_id += 1
        self._marks[str(self._last_id)] = mark
        self._queue.append(str(self._last_id))

    def flush(self) -> None:
        """Drop everything, here and (by the next message) in Asterisk."""
        self._queue.clear()
        self._marks.clear()
        self._ends_at_s = -math.inf
        self._flushing, self._buffering, self._xoff = True, False, False

    def processed(self, correlation_id: object) -> int | None:
        """Return the mark that Asterisk has reached, or None if it was flushed meanwhile."""
        return self._marks.pop(correlation_id, None) if isinstance(correlation_id, str) else None

    def xoff(self) -> None:
        """Pause: Asterisk's queue is nearly full."""
        self._xoff = True

    def xon(self) -> None:
        """Resume: Asterisk's queue has room again."""
        self._xoff = False

    def next(self) -> str | bytes | None:
        """Remove and return the message to send now, or None."""
        if self._flushing:
            self._flushing = False
            return _command("FLUSH_MEDIA")
        if not self._queue or self.due_s > self._now():
            return None
        if not self._buffering:
            # Without buffering, Asterisk drops a message that is not one frame. A flush ends
            # buffering.
            self._buffering = True
            return _command("START_MEDIA_BUFFERING")
        first = self._queue.popleft()
        if isinstance(first, str):
            return _command("MARK_MEDIA", correlation_id=first)
        self._ends_at_s = max(self._ends_at_s, self._now()) + len(first) / self._bytes_per_s
        return first

    @property
    def due_s(self) -> float:
        """When to send the next message; inf if none waits."""
        if self._flushing:
            return -math.inf
        if not self._queue:
            return math.inf
        if isinstance(self._queue[0], str):
            return -math.inf  # a mark needs no room in Asterisk's queue
        return self._ends_at_s if self._xoff else self._ends_at_s - HELD_SECONDS


def _command(name: str, **fields: str) -> str:
    """Return a command of chan_websocket. Asterisk drops a command of more than 128 bytes."""
    return json.dumps({"command": name, **fields}, separators=(",", ":"))
