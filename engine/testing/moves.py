"""Schedules: the moments of the outside events of a story, chosen so that they meet other
events.

Theory of operation. A race is two events at nearly the same instant. The first schedule moves
nothing, and shows the instants at which something happens. Each further schedule moves every
outside event at random: just before, onto, or just after one of the instants near it, or to any
moment around its place. In half of the schedules, the events after a moved event move with it,
so that later races are met as well. A schedule is also the seed of the order in which Trio runs
tasks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from callchart.engine.ports import FRAME_SECONDS

#: The greatest distance that an event is moved (s).
REACH = 0.5
#: The least distance between two moments (s).
INSTANT = 1e-6


@dataclass(frozen=True, slots=True)
class OutsideEvent:
    """An event outside the call, at a moment (seconds since the call began).

    `lag` is the time until the call notices it (s). Events `of_voice` keep their order: each
    begins after the duration of the one before it (s)."""

    at: float
    what: str
    happen: Callable[[], Awaitable[None]]
    lag: float = 0.0
    of_voice: bool = False
    lasting: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """Schedule `number` of a seed. Schedule 0 moves nothing.

    `instants` (s, ascending) are those at which something happened under schedule 0."""

    seed: int = 0
    number: int = 0
    instants: Sequence[float] = ()

    @property
    def name(self) -> str:
        """The seed of the order of tasks and of the random moves."""
        return f"{self.seed}.{self.number}"

    def luck(self) -> Random:
        """Return a new random generator of this schedule."""
        return Random(self.name)

    def moments(self, events: Sequence[OutsideEvent], luck: Random) -> list[float]:
        """Return the moment of each event (s), in the order in which the events are given."""
        moments = [event.at for event in events]
        if self.number == 0:
            return moments
        drags, moved, voice = luck.random() < 0.5, 0.0, -FRAME_SECONDS
        for place in sorted(range(len(events)), key=moments.__getitem__):
            event = events[place]
            moment = self._near(event, luck) + (moved if drags else 0.0)
            if event.of_voice:
                # The shortest speech and the shortest silence are a frame.
                moment = max(moment, voice + FRAME_SECONDS)
                voice = moment + event.lasting
            moments[place] = round(max(0.0, moment), 6)
            moved = moments[place] - event.at
        return moments

    def _near(self, event: OutsideEvent, luck: Random) -> float:
        chance = luck.random()
        if chance < 0.2:
            return event.at
        noticed = event.at + event.lag
        first = bisect_left(self.instants, noticed - REACH)
        end = bisect_right(self.instants, noticed + REACH)
        if chance < 0.75 and first < end:
            met = self.instants[luck.randrange(first, end)]
            return met - event.lag + luck.choice((-INSTANT, 0.0, INSTANT))
        return event.at + luck.uniform(-REACH, REACH)
