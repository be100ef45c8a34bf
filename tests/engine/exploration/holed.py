"""Wrong charts for the tests of the command line."""

from __future__ import annotations

from callchart.engine.chart import Effect, Step, stay, to
from callchart.engine.exploration import Property, SearchState
from callchart.engine.exploration.environment import EnvironmentState, Phone
from tests.engine.exploration.charts import (
    WAITING,
    Counted,
    Knock,
    chart,
    count,
    fails,
    knocked,
    state,
)

WHOLE = chart(WAITING)
ROUND = chart(
    state("tick", after={"t": (3, to("tock"))}),
    state("tock", after={"t": (3, to("tick"))}),
)
FAILING = chart(
    state(
        "counting",
        on={Knock: [stay(update=fails, when=knocked), stay(update=count)]},
        after={"out": (5, to("bye"))},
    ),
    data=Counted,
)
SLOW = chart(state("slow", after={"out": (1, to("bye")), "never": (5, to("bye", update=fails))}))


def greet() -> Effect:
    raise KeyError("no greeting")


def is_well(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    raise AttributeError("no such data")


def is_late(at_us: int) -> bool:
    return at_us > 60_000_000


MOMENTARY = chart(
    state("door", on={Knock: [to("bye", when=is_late), stay()]}, after={"out": (5, to("bye"))})
)
UNBEGUN = chart(state("waiting", entry=greet, after={"t": (5, to("bye"))}))
UNCHECKED = chart(WAITING)

WORLDS = (
    Phone(ROUND),
    Phone(ROUND, name="with turns of none", turns=0),
    Phone(UNCHECKED, more_properties=[Property("all is well", is_well)]),
)
