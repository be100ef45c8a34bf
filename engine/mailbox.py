"""One call's mailbox: what happened, in the order in which it happened, stamped once.

Control events only; audio never passes through it. Events raised by effects stand in front of all
others, as SCXML's internal events do: what a flush found out is known before anything else is
taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from callchart.engine.chart.decide import Occurrence
from callchart.engine.events import Event


class MailboxFull(RuntimeError):
    """Nobody reads, or an adapter babbles: the call ends rather than answer old events."""


class Mailbox:
    """A bounded queue of occurrences with one reader.

    `now` gives the moment, in whole microseconds since the call began."""

    def __init__(self, now: Callable[[], int], size: int) -> None:
        self._now, self._size = now, size
        self._posted: deque[Occurrence] = deque()
        self._raised: deque[Occurrence] = deque()
        self._reader = trio.lowlevel.ParkingLot()

    def post(self, event: Event, activation: int | None = None) -> None:
        """From outside (no activation), or from an activity of that stay. Raises `MailboxFull`."""
        if len(self._posted) >= self._size:
            # Not the event itself: it may hold the caller's words, and this goes to the log.
            kind = type(event).__name__
            raise MailboxFull(f"{self._size} events unread; the last one is a {kind}")
        self._posted.append(Occurrence(self._now(), event, activation))
        self._reader.unpark_all()

    def raise_(self, event: Event, at: int) -> None:
        """From an effect of the step at `at`: to be taken before anything that was posted."""
        self._raised.append(Occurrence(at, event))

    def take_raised(self) -> Occurrence | None:
        """The next occurrence that an effect raised, if there is one."""
        return self._raised.popleft() if self._raised else None

    def take(self, due: Occurrence | None) -> Occurrence | None:
        """The next occurrence by now: raised first, then the earlier of the oldest posted and
        `due`, the event at a tie. None when neither is there yet."""
        if (raised := self.take_raised()) is not None:
            return raised
        if self._posted and (due is None or self._posted[0].at_us <= due.at_us):
            return self._posted.popleft()
        if due is not None and due.at_us <= self._now():
            return due
        return None

    def __len__(self) -> int:
        return len(self._posted) + len(self._raised)

    async def wait(self, until: float) -> None:
        """Until something is posted, or Trio's clock reads `until`."""
        with trio.CancelScope(deadline=until):
            await self._reader.park()
