"""What one call's playback sends to Asterisk's chan_websocket, message by message: no I/O here.

Theory of operation. Asterisk paces what it gets, out of a queue of 1000 frames, and drops without
a word what does not fit. So most of the sound waits here, and Asterisk is given no more than
`HELD_SECONDS`, by our own count; its MEDIA_XOFF is a second bound, that holds until MEDIA_XON comes
or, should that be lost, until by our count nothing is left to play there. A flush overtakes
everything: it empties the queue here, and its command is the next message."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable
from typing import Final

#: Sound that Asterisk holds. Half of its queue: far enough from 900 frames, where it says XOFF.
HELD_SECONDS: Final = 10.0

#: One message of sound: a flush waits for no more than one that is being written. At most 65,000
#: bytes, and whole frames: Asterisk drops what is beyond either.
MESSAGE_SECONDS: Final = 0.2


class WebSocketPlayback:
    """One call's playback at `rate_hz`, read by the clock `now` (seconds)."""

    def __init__(self, rate_hz: int, now: Callable[[], float]) -> None:
        self._now = now
        self._bytes_a_second = rate_hz * 2
        self._message_bytes = round(MESSAGE_SECONDS * self._bytes_a_second)
        #: Sound, and marks as the correlation ids that Asterisk will tell us.
        self._queue: deque[bytes | str] = deque()
        self._marks: dict[str, int] = {}
        self._marked = 0
        #: When Asterisk will have played all that it was given.
        self._ends_at = -math.inf
        self._flushing = self._buffering = self._xoff = False

    def play(self, pcm: bytes) -> None:
        """Append whole frames."""
        self._queue.extend(
            pcm[at : at + self._message_bytes] for at in range(0, len(pcm), self._message_bytes)
        )

    def mark(self, mark: int) -> None:
        # A number of our own: a mark that was flushed may be on its way to us, and its number may
        # be used again.
        self._marked += 1
        self._marks[str(self._marked)] = mark
        self._queue.append(str(self._marked))

    def flush(self) -> None:
        """Drop everything, here and (by the next message) in Asterisk."""
        self._queue.clear()
        self._marks.clear()
        self._ends_at = -math.inf
        self._flushing, self._buffering, self._xoff = True, False, False

    def processed(self, correlation_id: object) -> int | None:
        """The mark that Asterisk has reached; None if it was flushed meanwhile."""
        return self._marks.pop(correlation_id, None) if isinstance(correlation_id, str) else None

    def xoff(self) -> None:
        """Asterisk's queue is nearly full."""
        self._xoff = True

    def xon(self) -> None:
        """It has room again."""
        self._xoff = False

    def next(self) -> str | bytes | None:
        """The message to be sent now, which counts as sent; None while there is none."""
        if self._flushing:
            self._flushing = False
            return _command("FLUSH_MEDIA")
        if not self._queue or self.due > self._now():
            return None
        if not self._buffering:
            # Without it, and after each flush, Asterisk would drop what is not exactly one frame.
            self._buffering = True
            return _command("START_MEDIA_BUFFERING")
        first = self._queue.popleft()
        if isinstance(first, str):
            return _command("MARK_MEDIA", correlation_id=first)
        self._ends_at = max(self._ends_at, self._now()) + len(first) / self._bytes_a_second
        return first

    @property
    def due(self) -> float:
        """When the first of the queue may be sent, if nothing else happens before."""
        if self._flushing:
            return -math.inf
        if not self._queue:
            return math.inf
        if isinstance(self._queue[0], str):
            return -math.inf  # marks take no room
        return self._ends_at if self._xoff else self._ends_at - HELD_SECONDS


def _command(name: str, **fields: str) -> str:
    """A command of chan_websocket, below the 128 bytes beyond which Asterisk drops it."""
    return json.dumps({"command": name, **fields}, separators=(",", ":"))
