"""Schedules: they move the outside events of a story to moments at which they meet other events.

Theory of operation. A race is two events at nearly the same instant. The first schedule moves
nothing, and shows the instants at which something happens. Each further schedule moves every
outside event at random: just before, onto, or just after one of the instants near it, or to any
moment near its own. In half of the schedules, an event also moves by as much as the event before
it, so that the later part of the story stays together. A schedule is also the seed of the order in
which Trio runs tasks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from callchart.engine.ports import FRAME_SECONDS

#: The greatest distance by which an event is moved.
REACH_S = 0.5
#: The least distance between two moments.
INSTANT_S = 1e-6


@dataclass(frozen=True, slots=True)
class OutsideEvent:
    """An event outside the call, at a moment (seconds since the call began).

    `lag` is the time until the call notices it (s), `lasting` its duration (s). Events `of_voice`
    keep their order: each begins after the end of the one before it."""

    at: float
    what: str
    happen: Callable[[], Awaitable[None]]
    lag: float = 0.0
    of_voice: bool = False
    lasting: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """Schedule `number` of a seed. Schedule 0 moves nothing.

    `instants` (s, ascending) are the moments at which something happened under schedule 0."""

    seed: int = 0
    number: int = 0
    instants: Sequence[float] = ()

    @property
    def name(self) -> str:
        """The seed of the order of tasks and of the random moves."""
        return f"{self.seed}.{self.number}"

    def random(self) -> Random:
        """Return a new random generator, with the name of this schedule as its seed."""
        return Random(self.name)

    def moments(self, events: Sequence[OutsideEvent], random: Random) -> list[float]:
        """Return the moment of each event (s), in the order in which the events are given."""
        moments = [event.at for event in events]
        if self.number == 0:
            return moments
        moves_together, moved_by, voice_end = random.random() < 0.5, 0.0, -FRAME_SECONDS
        for place in sorted(range(len(events)), key=moments.__getitem__):
            event = events[place]
            moment = self._near(event, random) + (moved_by if moves_together else 0.0)
            if event.of_voice:
                # The shortest speech and the shortest silence are one frame.
                moment = max(moment, voice_end + FRAME_SECONDS)
                voice_end = moment + event.lasting
            moments[place] = round(max(0.0, moment), 6)
            moved_by = moments[place] - event.at
        return moments

    def _near(self, event: OutsideEvent, random: Random) -> float:
        """Return a moment for the event (s): its own, one at a known instant, or any near it."""
        chance = random.random()
        if chance < 0.2:
            return event.at
        noticed = event.at + event.lag
        first = bisect_left(self.instants, noticed - REACH_S)
        end = bisect_right(self.instants, noticed + REACH_S)
        if chance < 0.75 and first < end:
            met = self.instants[random.randrange(first, end)]
            return met - event.lag + random.choice((-INSTANT_S, 0.0, INSTANT_S))
        return event.at + random.uniform(-REACH_S, REACH_S)
