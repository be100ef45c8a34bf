"""Small charts of phone calls, correct and wrong, and their explorations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from callchart.engine.chart import Chart, State, ignore, to
from callchart.engine.chart.state import After, Reactions
from callchart.engine.data import CallData
from callchart.engine.effects import AnswerLine, HangUpLine
from callchart.engine.events import CallerHungUp, Event, LineClosed
from callchart.engine.exploration import Exploration
from callchart.engine.exploration.environment import Phone


@dataclass(frozen=True, slots=True)
class Knock(Event):
    """An event from outside."""


OVER = State("over", final=True)
BYE = State(
    "bye",
    entry=HangUpLine(),
    on={LineClosed: to("over"), CallerHungUp: ignore("the call ends"), Knock: ignore("too late")},
    after={"bye_wait": (1, to("over"))},
)


def chart(*states: State, events: Sequence[type[Event]] = (), **rest: Any) -> Chart:
    """Return a chart of `states`, and of `bye` and `over`, which end a call."""
    return Chart(
        "a test's", [*states, BYE, OVER], events=(Knock, CallerHungUp, LineClosed, *events), **rest
    )


def state(
    name: str,
    *,
    on: Mapping[type[Event], Reactions] | None = None,
    after: Mapping[str, After],
    **rest: Any,
) -> State:
    """Return a state that leads to `bye` when the line ends, and by default ignores a knock."""
    answers = {
        CallerHungUp: to("bye"),
        LineClosed: to("bye"),
        Knock: ignore("the house is empty"),
        **(on or {}),
    }
    return State(name, on=answers, after=after, **rest)


WAITING = state(
    "waiting", entry=AnswerLine(), on={Knock: to("bye")}, after={"patience": (5, to("bye"))}
)


def explored(chart: Chart, **options: Any) -> Exploration:
    """Return the complete exploration of a chart."""
    exploration = Exploration(chart, Phone(chart), **options)
    for _ in exploration.run():
        pass
    return exploration


@dataclass(frozen=True)
class Counted(CallData):
    """Call data that count the knocks, up to two."""

    knocks: int = 0


def count(data: Counted) -> Counted:
    return replace(data, knocks=min(data.knocks + 1, 2))


def knocked(data: Counted) -> bool:
    return data.knocks == 2


def fails() -> Counted:
    raise ValueError("a hole")
