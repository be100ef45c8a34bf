"""Schedules: when the outside events of a story happen, so that they meet what else happens.

Theory of operation. A race is two things that happen at nearly the same instant. The first schedule
moves nothing, and shows when things happen. Each further one moves every outside event by luck of
its own: just before, onto and just after one of those instants near it, or anywhere around its
place. What stands behind an event that was moved moves along in half of the schedules, so that
races further on are met as well. A schedule is also the seed of the order in which Trio runs tasks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from callchart.engine.ports import FRAME_SECONDS

#: s: how far an event is moved at most.
REACH = 0.5
#: s: the least that can be told apart.
INSTANT = 1e-6


@dataclass(frozen=True, slots=True)
class OutsideEvent:
    """Something that happens to a call at a moment (s since its beginning).

    `lag`: how much later it is noticed (s). Events `of_voice` stay in their order, each when the
    one before it has lasted as long as it does (s)."""

    at: float
    what: str
    happen: Callable[[], Awaitable[None]]
    lag: float = 0.0
    of_voice: bool = False
    lasting: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """The `number`th schedule of a seed; the first, 0, moves nothing.

    `instants` (s, ascending) are those at which something happened under the first."""

    seed: int = 0
    number: int = 0
    instants: Sequence[float] = ()

    @property
    def name(self) -> str:
        """What its order of tasks and its luck are settled by."""
        return f"{self.seed}.{self.number}"

    def luck(self) -> Random:
        """A fresh source of this schedule's luck."""
        return Random(self.name)

    def moments(self, events: Sequence[OutsideEvent], luck: Random) -> list[float]:
        """When each of the events happens (s), in the order in which they are given."""
        moments = [event.at for event in events]
        if self.number == 0:
            return moments
        drags, moved, voice = luck.random() < 0.5, 0.0, -FRAME_SECONDS
        for place in sorted(range(len(events)), key=moments.__getitem__):
            event = events[place]
            moment = self._near(event, luck) + (moved if drags else 0.0)
            if event.of_voice:
                # Who speaks at all speaks for a frame, and is silent for one.
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
