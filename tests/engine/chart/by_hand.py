"""Events, effects and data for tests of charts, and `Hand`, which drives a chart step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from callchart.engine.chart import Chart, Effect, Occurrence, State, Step, begin, decide, to
from callchart.engine.chart.decide import next_occurrence
from callchart.engine.chart.state import After, Reactions
from callchart.engine.data import CallData
from callchart.engine.events import Event


@dataclass(frozen=True, slots=True)
class Knock(Event):
    """An event from outside."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Call(Event):
    """Another event from outside."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Worked(Event):
    """An event of the activity `work`."""

    origin: ClassVar[str] = "work"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Say(Effect):
    """An effect with a text; the test's line notes it."""

    text: str

    def carry_out(self, call: Any) -> None:
        call.line.note(self.text)


@dataclass(frozen=True)
class Notes(CallData):
    """Data with a note for each update."""

    notes: tuple[str, ...] = ()
    yes: bool = True
    delay: float = field(default=1.0)


def yes(data: Notes) -> bool:
    return data.yes


def no(data: Notes) -> bool:
    return not data.yes


def note(data: Notes) -> Notes:
    return replace(data, notes=(*data.notes, "noted"))


def note_again(data: Notes) -> Notes:
    return replace(data, notes=(*data.notes, f"again after {len(data.notes)}"))


def say_notes(data: Notes) -> Say:
    """Return an effect that says how many notes the data has."""
    return Say(f"{len(data.notes)} notes")


OVER = State("over", final=True)

#: Seconds: longer than any test lasts, except one that waits for this timer.
LONG = 60


def leaf(
    name: str,
    *,
    on: Mapping[type[Event], Reactions] | None = None,
    after: Mapping[str, After] | None = None,
    **rest: Any,
) -> State:
    """Return a state that leads to `over` after a minute."""
    return State(name, on=on or {}, after={**(after or {}), "out": (LONG, to("over"))}, **rest)


def chart(*states: State, events: Sequence[type[Event]] = (Knock,)) -> Chart:
    """Return a chart of `states` and the final state `over`."""
    return Chart("a test's", [*states, OVER], events=events, data=Notes)


class Hand:
    """One run of a chart, step by step. `step` is the last step."""

    def __init__(self, chart: Chart, data: CallData | None = None) -> None:
        self.chart = chart
        self.step = begin(chart, Notes() if data is None else data)

    @property
    def leaf(self) -> str:
        return self.step.after.leaf

    @property
    def at(self) -> int:
        return self.step.at_us

    @property
    def exits(self) -> list[str]:
        return [active.state for active in self.step.exits]

    @property
    def entries(self) -> list[str]:
        return [active.state for active in self.step.entries]

    @property
    def timers(self) -> list[tuple[str, float]]:
        """Return the running timers, earliest first, with their deadlines in seconds."""
        return [(timer.name, timer.deadline_us / 1_000_000) for timer in self.step.after.timers]

    def take(self, event: Event, *, at: float | None = None, of: str | None = None) -> Step:
        """Take an event at `at` seconds (or now), from outside or from the activity of state
        `of`."""
        stay = None if of is None else self.step.after.activation(of)
        return self.carry(Occurrence(self.at if at is None else round(at * 1e6), event, stay))

    def wait(self) -> Step:
        """Take what happens next without new events: a recalled event, or a timer."""
        occurrence = next_occurrence(self.step.after)
        assert occurrence is not None, "nothing is due"
        return self.carry(occurrence)

    def carry(self, occurrence: Occurrence) -> Step:
        self.step = decide(self.chart, self.step.after, self.step.data, occurrence)
        return self.step
