"""Stories: what happens to a call from outside, told beforehand, and run under many schedules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from functools import partial

import trio

from callchart.engine.events import TimerFired
from callchart.engine.ports import FRAME_SECONDS
from callchart.engine.testing import schedule as running
from callchart.engine.testing.hearing import Spoken
from callchart.engine.testing.moves import INSTANT, OutsideEvent, Schedule
from callchart.engine.testing.speech import CHARACTERS_A_SECOND
from callchart.engine.testing.telephone import Telephone


class Story:
    """What happens from outside under one schedule. Tell it, then `await happens()`, then ask.

    Each verb says when something is to happen; a schedule moves it. The call is that of
    `telephone`, which is made when it is first named: a story may do without, and be about other
    parts that wait for the outside. Such a story notes what it sees happen (`note`)."""

    def __init__(self, schedule: Schedule, make_telephone: Callable[[], Telephone]) -> None:
        self.schedule = schedule
        self._make_telephone = make_telephone
        self._telephone: Telephone | None = None
        self._luck = schedule.luck()
        self._events: list[OutsideEvent] = []
        self._moments: list[float] = []
        self._notes: list[tuple[float, str]] = []
        self._began = 0.0

    @property
    def telephone(self) -> Telephone:
        """The telephone of this story's call: for what is told of providers, and for questions."""
        if self._telephone is None:
            self._telephone = self._make_telephone()
        return self._telephone

    # --- what is to happen -----------------------------------------------------------------------

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
        """Anything else: see `callchart.engine.testing.moves.OutsideEvent`."""
        self._events.append(OutsideEvent(at, what, happen, lag, of_voice, lasting))

    def around(self, seconds: float) -> float:
        """A provider's delay: this one, or a little less or more, or anything up to the double."""
        chance = self._luck.random()
        if self.schedule.number == 0 or chance < 0.2:
            return seconds
        if chance < 0.6:
            return max(0.0, seconds + self._luck.choice((-INSTANT, INSTANT)))
        return round(self._luck.uniform(0.0, 2 * seconds), 6)

    def caller_says(
        self,
        words: str | Spoken,
        *,
        at: float,
        until: float | None = None,
        lasting: float | None = None,
    ) -> None:
        """The caller speaks from `at` on: `until` a moment, or `lasting` so many seconds, or as
        long as the words take.

        With `until`, beginning and end are moved each by itself, otherwise as one."""
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
        """A cough, a door: voice without words."""
        self.caller_says(Spoken(""), at=at, lasting=lasting)

    def caller_starts_speaking(self, words: str | Spoken = "", *, at: float) -> None:
        """The caller begins to speak. Without words, nobody knows yet what."""
        speaks = partial(self.telephone.caller_starts_speaking, words)
        self.event("the caller speaks", speaks, at=at, lag=FRAME_SECONDS, of_voice=True)

    def caller_stops_speaking(self, *, at: float) -> None:
        """The caller falls silent."""
        stops = self.telephone.caller_stops_speaking
        self.event("the caller falls silent", stops, at=at, lag=FRAME_SECONDS, of_voice=True)

    def caller_hangs_up(self, *, at: float) -> None:
        """The caller hangs up."""
        self.event("the caller hangs up", self.telephone.caller_hangs_up, at=at)

    def caller_presses(self, digits: str, *, at: float) -> None:
        """The caller presses keys, one after the other."""
        presses = partial(self.telephone.caller_presses, digits)
        self.event("the caller presses keys", presses, at=at)

    def line_breaks(self, *, at: float) -> None:
        """The line closes, and nobody says why."""
        self.event("the line breaks", self.telephone.line_breaks, at=at)

    def operator_hangs_up(self, *, at: float) -> None:
        """The operator asks the agent to end the call."""
        self.event("the operator hangs up", self.telephone.operator_hangs_up, at=at)

    def recognizer_fails(self, *, at: float) -> None:
        """The recogniser breaks off."""

        async def fails() -> None:
            self.telephone.recognizer.fail("told to fail")

        self.event("the recogniser fails", fails, at=at)

    # --- it happens ------------------------------------------------------------------------------

    async def happens(self, *, until: float | None = None) -> None:
        """All of it, and then time passes until that moment (s), or until the call has ended.

        The telephone is put down, so that the call is over and what holds of every call holds."""
        self._moments = self.schedule.moments(self._events, self._luck)
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
        """Something happened: it is part of what tells one schedule's outcome from another's."""
        self._notes.append((round(trio.current_time() - self._began, 6), what))

    def check_it_happened(self) -> None:
        """Raises `AssertionError` where what was told never happened."""
        assert len(self._moments) == len(self._events), (
            f"{len(self._events) - len(self._moments)} events of the story never happen: "
            f"write `await story.happens()` behind them"
        )

    # --- what came of it -------------------------------------------------------------------------

    @property
    def trace(self) -> Hashable:
        """What happened, in order, without times: the steps of the call, and what was noted."""
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
        """When something happened, in seconds since the beginning, ascending."""
        steps = self._telephone.steps if self._telephone else ()
        told = (event.at for event in self._events)
        return sorted(
            {*(step.at_us / 1e6 for step in steps), *(at for at, _ in self._notes), *told}
        )

    def as_told(self) -> str:
        """The schedule, and where it has moved each event, for a person to read."""
        moved = sorted(zip(self._moments, self._events, strict=False), key=lambda told: told[0])
        lines = [f"{moment:12.6f}  {event.what} (told: {event.at:g} s)" for moment, event in moved]
        return "\n".join([f"under schedule {self.schedule.name}:", *lines])


Teller = Callable[[Story], Awaitable[None]]


@dataclass(slots=True)
class Told:
    """A story under so many schedules: the distinct courses that it took."""

    schedules: int = 0
    traces: set[Hashable] = field(default_factory=set)

    @property
    def distinct(self) -> int:
        """How many different journals there were."""
        return len(self.traces)


def tell(
    teller: Teller, make_telephone: Callable[[], Telephone], *, schedules: int, seed: int = 0
) -> Told:
    """Tell a story under so many schedules of a seed, each in a Trio run of its own.

    Raises what the story raises, with a note of the schedule; `AssertionError` where it took the
    same course under all schedules: then its events cannot meet, and it shows nothing."""
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
            f"under all of {schedules} schedules the story takes the same course: nothing that it "
            f"tells can meet anything else (move its events nearer to each other)"
        )
    return told


async def _told(teller: Teller, story: Story) -> None:
    await teller(story)
    story.check_it_happened()
