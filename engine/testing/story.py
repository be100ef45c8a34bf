"""Stories: outside events of a call, which are planned first and run under many schedules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from functools import partial

import trio

from callchart.engine.events import TimerFired
from callchart.engine.ports import FRAME_SECONDS
from callchart.engine.testing import schedule as running
from callchart.engine.testing.hearing import Spoken
from callchart.engine.testing.moves import INSTANT_S, OutsideEvent, Schedule
from callchart.engine.testing.speech import CHARACTERS_A_SECOND
from callchart.engine.testing.telephone import Telephone


class Story:
    """The outside events of a call under one schedule.

    Plan events, `await happens()`, then ask questions. Each verb plans an event at a moment, and
    the schedule moves it. The call is that of `telephone`, which is made when it is first used. A
    story without a call can test other code that reacts to outside events: it records its
    observations with `note`."""

    def __init__(self, schedule: Schedule, make_telephone: Callable[[], Telephone]) -> None:
        self.schedule = schedule
        self._make_telephone = make_telephone
        self._telephone: Telephone | None = None
        self._random = schedule.random()
        self._events: list[OutsideEvent] = []
        self._moments: list[float] = []
        self._notes: list[tuple[float, str]] = []
        self._began = 0.0

    @property
    def telephone(self) -> Telephone:
        """The telephone of this story: to script providers, and to ask questions."""
        if self._telephone is None:
            self._telephone = self._make_telephone()
        return self._telephone

    # --- plan ------------------------------------------------------------------------------------

    def event(
        self,
        what: str,
        happen: Callable[[], Awaitable[None]],
        *,
        at: float,
        lag: float = 0.0,
        of_voice: bool = False,
        lasting: float = 0.0,
    ) -> None:
        """Plan an event of your own; see `callchart.engine.testing.moves.OutsideEvent`."""
        self._events.append(OutsideEvent(at, what, happen, lag, of_voice, lasting))

    def around(self, seconds: float) -> float:
        """Return a delay for a provider: `seconds`, a bit less or more, or up to twice as long."""
        chance = self._random.random()
        if self.schedule.number == 0 or chance < 0.2:
            return seconds
        if chance < 0.6:
            return max(0.0, seconds + self._random.choice((-INSTANT_S, INSTANT_S)))
        return round(self._random.uniform(0.0, 2 * seconds), 6)

    def caller_says(
        self,
        words: str | Spoken,
        *,
        at: float,
        until: float | None = None,
        lasting: float | None = None,
    ) -> None:
        """Plan speech of the caller from `at` on, `until` a moment or `lasting` so many seconds.

        By default it lasts as long as the words take. With `until`, the schedule moves beginning
        and end separately, otherwise together."""
        spoken = Spoken(words) if isinstance(words, str) else words
        if until is not None:
            self.caller_starts_speaking(spoken, at=at)
            self.caller_stops_speaking(at=until)
            return
        seconds = lasting or max(0.5, len(spoken.text) / CHARACTERS_A_SECOND)
        self.event(
            "the caller speaks" if spoken.text else "the caller makes a noise",
            partial(self.telephone.caller_says, spoken, lasting=seconds),
            at=at,
            lag=FRAME_SECONDS,
            of_voice=True,
            lasting=seconds,
        )

    def caller_makes_noise(self, *, at: float, lasting: float = 0.3) -> None:
        """Plan a cough: voice without words."""
        self.caller_says(Spoken(""), at=at, lasting=lasting)

    def caller_starts_speaking(self, words: str | Spoken = "", *, at: float) -> None:
        """Plan the beginning of speech. Without `words`, the recognizer hears none."""
        speaks = partial(self.telephone.caller_starts_speaking, words)
        self.event("the caller speaks", speaks, at=at, lag=FRAME_SECONDS, of_voice=True)

    def caller_stops_speaking(self, *, at: float) -> None:
        """Plan the end of speech."""
        stops = self.telephone.caller_stops_speaking
        self.event("the caller falls silent", stops, at=at, lag=FRAME_SECONDS, of_voice=True)

    def caller_hangs_up(self, *, at: float) -> None:
        """Plan that the caller hangs up."""
        self.event("the caller hangs up", self.telephone.caller_hangs_up, at=at)

    def caller_presses(self, digits: str, *, at: float) -> None:
        """Plan that the caller presses keys, one after the other."""
        presses = partial(self.telephone.caller_presses, digits)
        self.event(f"the caller presses {digits}", presses, at=at)

    def line_breaks(self, *, at: float) -> None:
        """Plan that the line closes without a reason."""
        self.event("the line breaks", self.telephone.line_breaks, at=at)

    def operator_hangs_up(self, *, at: float) -> None:
        """Plan that the operator asks the agent to end the call."""
        self.event("the operator hangs up", self.telephone.operator_hangs_up, at=at)

    def recognizer_fails(self, *, at: float) -> None:
        """Plan that the recognizer fails."""

        async def fails() -> None:
            self.telephone.recognizer.fail("told to fail")

        self.event("the recogniser fails", fails, at=at)

    # --- run -------------------------------------------------------------------------------------

    async def happens(self, *, until: float | None = None) -> None:
        """Run all planned events, and then wait until that moment (s), or for the end of the call.

        Afterwards the telephone ends the call, and checks the invariants of every call."""
        self._moments = self.schedule.moments(self._events, self._random)
        if self._telephone is None:
            self._began = trio.current_time()
            await self._all_happen()
            if until is not None:
                await trio.sleep_until(self._began + until)
            return
        async with self._telephone:
            await self._telephone.until(0.0)
            self._began = self._telephone.recording.began
            await self._all_happen()
            if until is None:
                await self._telephone.until_the_end()
            elif self._telephone.now < until and not self._telephone.over:
                await self._telephone.until(until)

    async def _all_happen(self) -> None:
        async with trio.open_nursery() as nursery:
            for event, moment in zip(self._events, self._moments, strict=True):
                nursery.start_soon(self._happens_at, event, self._began + moment)

    async def _happens_at(self, event: OutsideEvent, moment: float) -> None:
        await trio.sleep_until(moment)
        await event.happen()

    def note(self, what: str) -> None:
        """Record an observation, as a part of the story's trace."""
        self._notes.append((round(trio.current_time() - self._began, 6), what))

    def check_it_happened(self) -> None:
        """Raise `AssertionError` if planned events never happened."""
        assert len(self._moments) == len(self._events), (
            f"{len(self._events) - len(self._moments)} events of the story never happen: "
            f"write `await story.happens()` after them"
        )

    # --- result ----------------------------------------------------------------------------------

    @property
    def trace(self) -> Hashable:
        """The steps of the call and the notes, in order, without times."""
        steps = self._telephone.steps if self._telephone else ()
        passed = tuple(
            (
                f"{event.state} {event.timer}"
                if isinstance(event := step.event, TimerFired)
                else type(event).__name__,
                step.outcome,
                step.after.leaf,
            )
            for step in steps
        )
        return passed, tuple(what for _, what in self._notes)

    @property
    def instants(self) -> list[float]:
        """The moments at which something happened (s since the call began), ascending."""
        steps = self._telephone.steps if self._telephone else ()
        planned = (event.at for event in self._events)
        return sorted(
            {*(step.at_us / 1e6 for step in steps), *(at for at, _ in self._notes), *planned}
        )

    def as_told(self) -> str:
        """Return a text: the schedule, and the moment to which it moved each event."""
        moved = sorted(zip(self._moments, self._events, strict=False), key=lambda told: told[0])
        lines = [f"{moment:12.6f}  {event.what} (told: {event.at:g} s)" for moment, event in moved]
        return "\n".join([f"under schedule {self.schedule.name}:", *lines])


Teller = Callable[[Story], Awaitable[None]]


@dataclass(slots=True)
class Told:
    """The result of a story: the number of schedules, and the distinct traces."""

    schedules: int = 0
    traces: set[Hashable] = field(default_factory=set)

    @property
    def distinct(self) -> int:
        """The number of distinct traces."""
        return len(self.traces)


def tell(
    teller: Teller, make_telephone: Callable[[], Telephone], *, schedules: int, seed: int = 0
) -> Told:
    """Run a story under this number of schedules of a seed, each in its own Trio run.

    Raises the exception of the story, with a note about the schedule. Raises `AssertionError` if
    all schedules give one trace: then the story proves nothing, because its events cannot meet."""
    told = Told()
    instants: list[float] = []
    for number in range(schedules):
        story = Story(Schedule(seed, number, instants), make_telephone)
        running.settle(story.schedule.name)
        try:
            running.run(partial(_told, teller, story))
        except BaseException as error:
            error.add_note(story.as_told())
            raise
        told.schedules += 1
        told.traces.add(story.trace)
        instants = instants or story.instants
    if schedules > 1 and told.distinct == 1:
        raise AssertionError(
            f"the story must differ between schedules, got one trace under all {schedules}: "
            f"move its events nearer to each other"
        )
    return told


async def _told(teller: Teller, story: Story) -> None:
    await teller(story)
    story.check_it_happened()
