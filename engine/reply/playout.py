"""The sound that goes down one line: who may send it, how much is ahead, what was heard.

A position is computed here, from what was sent, what the carrier confirmed by marks, and the
clock; asking the carrier would take time, and a flush has none. The clock moves the position on,
but not past a mark that is overdue: a carrier that stalls is not believed to have played. Only the
playback that is current may send: sound of a playback that is over is dropped and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from callchart.engine.events import Event, PlaybackStopped
from callchart.engine.ports import Line

#: A mark that is later than this was lost (us): from then on the clock alone is believed again, or
#: a carrier that loses its marks would have played nothing.
LOST = 1_000_000


@dataclass(eq=False)
class Playback:
    """One stay's sound. Sizes in bytes of s16le, times in microseconds."""

    #: The reply that is played, or None for a filler.
    reply: int | None
    #: Told how much was heard (bytes), once, when the playback ends; answers with the words.
    heard: Callable[[int], str]
    sent: int = 0
    #: When all that was sent will have been heard.
    ends_at: int = 0
    _marks: dict[int, tuple[int, Callable[[], None]]] = field(default_factory=dict)


class Playout:
    """One line's sound. `raise_` takes the event that a stop brings."""

    def __init__(self, line: Line, now: Callable[[], int], raise_: Callable[[Event], None]) -> None:
        self._line, self._now, self._raise = line, now, raise_
        self._bytes_a_second = line.rate_hz * 2
        self._current: Playback | None = None
        self._marks = 0
        #: Bytes that came from a playback that was over, and were not played.
        self.stale_bytes = 0

    def begin(self, reply: int | None, heard: Callable[[int], str]) -> Playback:
        """A new playback is the current one. There must be none: its state's exit stopped it."""
        assert self._current is None, "a playback is stopped before the next begins"
        self._current = Playback(reply, heard, ends_at=self._now())
        return self._current

    def send(
        self, playback: Playback, pcm: bytes, reached: Callable[[], None] | None = None
    ) -> bool:
        """Whole frames of `playback`; False when it is not the current one any more.

        A mark behind them confirms them, and calls `reached`."""
        if playback is not self._current:
            self.stale_bytes += len(pcm)
            return False
        self._line.play(pcm)
        playback.sent += len(pcm)
        playback.ends_at = max(playback.ends_at, self._now()) + self._microseconds(len(pcm))
        self.mark(playback, reached or _confirmed)
        return True

    def ahead(self, playback: Playback) -> float:
        """Seconds of sound that were sent and not heard yet."""
        return max(0, playback.ends_at - self._now()) / 1_000_000

    def mark(self, playback: Playback, reached: Callable[[], None]) -> None:
        """Call `reached` when all that was sent so far was heard."""
        if playback is self._current:
            self._marks += 1
            playback._marks[self._marks] = (playback.sent, reached)
            self._line.mark(self._marks)

    def mark_reached(self, mark: int) -> None:
        """The carrier says so: it also corrects our idea of what is ahead."""
        playback = self._current
        if playback is None or mark not in playback._marks:
            return  # of a playback that was flushed
        # Whoever is at a mark was at those before it, should the carrier have lost one.
        for passed in [number for number in playback._marks if number <= mark]:
            sent, reached = playback._marks.pop(passed)
            playback.ends_at = self._now() + self._microseconds(playback.sent - sent)
            reached()

    def stop(self) -> None:
        """Nothing more is heard. Without a playback, nothing happens."""
        playback, self._current = self._current, None
        if playback is None:
            return
        self._line.flush()
        words = playback.heard(self._position(playback))
        if playback.reply is not None:
            self._raise(PlaybackStopped(playback.reply, words))

    def _position(self, playback: Playback) -> int:
        """How much of it was heard, in bytes of whole samples."""
        ahead = playback.ends_at - self._now()
        by_clock = max(0, playback.sent - self._bytes(ahead))
        for unconfirmed, _ in playback._marks.values():
            late = self._microseconds(playback.sent - unconfirmed) - ahead
            return min(by_clock, unconfirmed) if late <= LOST else by_clock
        return by_clock

    def _microseconds(self, size: int) -> int:
        return size * 1_000_000 // self._bytes_a_second

    def _bytes(self, microseconds: int) -> int:
        return max(0, microseconds) * self._bytes_a_second // 1_000_000 // 2 * 2


def _confirmed() -> None:
    """A mark that only says how far playback is."""
