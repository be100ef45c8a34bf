"""One call's playback to Asterisk's chan_websocket, as messages. No I/O here.

Theory of operation. Asterisk paces playback from a queue of 1000 frames, and silently drops the
excess. So most audio waits here, and Asterisk holds at most `HELD_SECONDS`, by our own count. Its
MEDIA_XOFF is a second limit: it lasts until MEDIA_XON or, if that is lost, until Asterisk's queue
is empty by our count. A flush overtakes everything: it empties the queue here, and its command is
the next message."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable
from typing import Final

#: The most audio that Asterisk holds: half of its queue, well below the 900 frames of an XOFF.
HELD_SECONDS: Final = 10.0

#: The audio in one message: a flush waits for at most one that is being written. A message must
#: have at most 65,000 bytes, and whole frames: Asterisk drops the excess of either.
MESSAGE_SECONDS: Final = 0.2


class WebSocketPlayback:
    """One call's playback at `rate_hz`, read by the clock `now` (seconds)."""

    def __init__(self, rate_hz: int, now: Callable[[], float]) -> None:
        self._now = now
        self._bytes_per_s = rate_hz * 2
        self._message_bytes = round(MESSAGE_SECONDS * self._bytes_per_s)
        #: Audio, and marks as the correlation ids that Asterisk will return.
        self._queue: deque[bytes | str] = deque()
        self._marks: dict[str, int] = {}
        self._marked = 0
        #: The moment when Asterisk has played all audio sent to it.
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
        self._marked += 1
        self._marks[str(self._marked)] = mark
        self._queue.append(str(self._marked))

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
            # Without it, also after a flush, Asterisk drops a message that is not one frame.
            self._buffering = True
            return _command("START_MEDIA_BUFFERING")
        first = self._queue.popleft()
        if isinstance(first, str):
            return _command("MARK_MEDIA", correlation_id=first)
        self._ends_at_s = max(self._ends_at_s, self._now()) + len(first) / self._bytes_per_s
        return first

    @property
    def due_s(self) -> float:
        """The moment to send the first message of the queue, unless a command comes before."""
        if self._flushing:
            return -math.inf
        if not self._queue:
            return math.inf
        if isinstance(self._queue[0], str):
            return -math.inf  # marks need no room
        return self._ends_at_s if self._xoff else self._ends_at_s - HELD_SECONDS


def _command(name: str, **fields: str) -> str:
    """Return a command of chan_websocket. Asterisk drops one of more than 128 bytes."""
    return json.dumps({"command": name, **fields}, separators=(",", ":"))
