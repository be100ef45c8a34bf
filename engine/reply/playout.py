"""The sound on one line: the playback that may send it, the part that is queued, the part heard.

The position is computed here, from the bytes sent, the marks that the carrier confirmed, and the
clock: a flush must not wait for the carrier's answer. The position follows the clock, but stops at
an overdue mark, because a carrier that stalls plays nothing. Only the current playback may send:
sound of an earlier one is dropped and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from callchart.engine.events import Event, PlaybackStopped
from callchart.engine.ports import Line

#: A mark that is overdue by more than this counts as lost: the position then follows the clock
#: alone. Otherwise a carrier that loses its marks would seem to have played nothing.
LOST_MARK_US = 1_000_000


@dataclass(eq=False)
class Playback:
    """The sound of one stay in a state that plays."""

    #: The number of the reply that is played, or None for a filler.
    reply: int | None
    #: Called once, when the playback stops, with the bytes that were heard; returns the words.
    take_heard: Callable[[int], str]
    sent_bytes: int = 0
    #: The moment at which all sent sound has been heard, in microseconds since the call began.
    ends_at_us: int = 0
    #: Mark -> (the bytes sent before it, the callback for its confirmation).
    _marks: dict[int, tuple[int, Callable[[], None]]] = field(default_factory=dict)


class Playout:
    """The sound of one line: at most one playback is current.

    `now_us` returns microseconds since the call began. `raise_` takes the event of a stop."""

    def __init__(
        self, line: Line, now_us: Callable[[], int], raise_: Callable[[Event], None]
    ) -> None:
        self._line, self._now_us, self._raise = line, now_us, raise_
        self._bytes_per_s = line.rate_hz * 2
        self._current: Playback | None = None
        self._last_mark = 0
        #: Bytes of earlier playbacks that were dropped.
        self.stale_bytes = 0

    def begin(self, reply: int | None, take_heard: Callable[[int], str]) -> Playback:
        """Make a new playback the current one. The earlier one must be stopped already."""
        assert self._current is None, "a playback is stopped before the next begins"
        self._current = Playback(reply, take_heard, ends_at_us=self._now_us())
        return self._current

    def send(
        self, playback: Playback, pcm: bytes, reached: Callable[[], None] | None = None
    ) -> bool:
        """Play whole frames of `playback`, with a mark after them.

        Call `reached` when the carrier confirms the mark. If `playback` is not the current one,
        drop the frames and return False."""
        if playback is not self._current:
            self.stale_bytes += len(pcm)
            return False
        self._line.play(pcm)
        playback.sent_bytes += len(pcm)
        begins_at_us = max(playback.ends_at_us, self._now_us())
        playback.ends_at_us = begins_at_us + self._microseconds(len(pcm))
        self.mark(playback, reached or _confirmed)
        return True

    def queued_s(self, playback: Playback) -> float:
        """Return the seconds of sound that were sent and not yet heard."""
        return max(0, playback.ends_at_us - self._now_us()) / 1_000_000

    def mark(self, playback: Playback, reached: Callable[[], None]) -> None:
        """Call `reached` when all sound that was sent so far has been heard."""
        if playback is self._current:
            self._last_mark += 1
            playback._marks[self._last_mark] = (playback.sent_bytes, reached)
            self._line.mark(self._last_mark)

    def mark_reached(self, mark: int) -> None:
        """Take the carrier's confirmation of a mark, and correct the position by it."""
        playback = self._current
        if playback is None or mark not in playback._marks:
            return  # it belongs to a playback that was flushed
        # A mark also confirms the marks before it: the carrier may have lost one.
        for passed in [number for number in playback._marks if number <= mark]:
            sent_bytes, reached = playback._marks.pop(passed)
            remaining_us = self._microseconds(playback.sent_bytes - sent_bytes)
            playback.ends_at_us = self._now_us() + remaining_us
            reached()

    def stop(self) -> None:
        """Flush the line and end the current playback, if any. Raise `PlaybackStopped`."""
        playback, self._current = self._current, None
        if playback is None:
            return
        self._line.flush()
        words = playback.take_heard(self._heard_bytes(playback))
        if playback.reply is not None:
            self._raise(PlaybackStopped(playback.reply, words))

    def _heard_bytes(self, playback: Playback) -> int:
        """Return the bytes of whole samples that were heard."""
        queued_us = playback.ends_at_us - self._now_us()
        by_clock = max(0, playback.sent_bytes - self._bytes(queued_us))
        for unconfirmed, _ in playback._marks.values():
            overdue_us = self._microseconds(playback.sent_bytes - unconfirmed) - queued_us
            return min(by_clock, unconfirmed) if overdue_us <= LOST_MARK_US else by_clock
        return by_clock

    def _microseconds(self, size_bytes: int) -> int:
        return size_bytes * 1_000_000 // self._bytes_per_s

    def _bytes(self, microseconds: int) -> int:
        return max(0, microseconds) * self._bytes_per_s // 1_000_000 // 2 * 2


def _confirmed() -> None:
    """Do nothing: this mark only confirms the position."""
