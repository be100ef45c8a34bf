"""One call's mailbox: its events in the order of their arrival, each with its time.

Audio never passes through it. Events that effects raise go before all posted events, like SCXML's
internal events: so a call knows which words were heard before it takes the next event."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from callchart.engine.chart.decide import Occurrence
from callchart.engine.events import Event


class MailboxFull(RuntimeError):
    """Too many unread events: the call ends, because its reactions would come too late."""


class Mailbox:
    """A bounded queue of occurrences with one reader.

    `now_us` returns the time in whole microseconds since the call began."""

    def __init__(self, now_us: Callable[[], int], size: int) -> None:
        self._now_us, self._size = now_us, size
        self._posted: deque[Occurrence] = deque()
        self._raised: deque[Occurrence] = deque()
        self._reader = trio.lowlevel.ParkingLot()

    def post(self, event: Event, activation: int | None = None) -> None:
        """Post an event from outside, or from an activity of the stay `activation`.

        Raises `MailboxFull`."""
        if len(self._posted) >= self._size:
            # Name only the class: the event may hold the caller's words, and the message is logged.
            kind = type(event).__name__
            raise MailboxFull(f"{self._size} events unread; the last one is a {kind}")
        self._posted.append(Occurrence(self._now_us(), event, activation))
        self._reader.unpark_all()

    def raise_(self, event: Event, at_us: int) -> None:
        """Raise an event from an effect of the step at `at_us`. It goes before posted events."""
        self._raised.append(Occurrence(at_us, event))

    def take_raised(self) -> Occurrence | None:
        """Return the next occurrence that an effect raised, or None."""
        return self._raised.popleft() if self._raised else None

    def take(self, timer: Occurrence | None) -> Occurrence | None:
        """Return the next occurrence that is due, or None.

        Raised events go first, then the earlier of the oldest posted event and `timer`. If both
        have the same time, the event goes first."""
        if (raised := self.take_raised()) is not None:
            return raised
        if self._posted and (timer is None or self._posted[0].at_us <= timer.at_us):
            return self._posted.popleft()
        if timer is not None and timer.at_us <= self._now_us():
            return timer
        return None

    def __len__(self) -> int:
        return len(self._posted) + len(self._raised)

    async def wait(self, until_s: float) -> None:
        """Wait until an event is posted, or until Trio's clock reads `until_s`."""
        with trio.CancelScope(deadline=until_s):
            await self._reader.park()
