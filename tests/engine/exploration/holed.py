"""Wrong charts for the tests of the command line."""

from __future__ import annotations

from collections.abc import Mapping

from callchart.engine.chart import Chart, Effect, State, Step, ignore, stay, to
from callchart.engine.chart.state import Reactions
from callchart.engine.events import CallerHungUp, DigitReceived, Event, LineClosed
from callchart.engine.exploration import Property, SearchState
from callchart.engine.exploration.environment import EnvironmentState, Phone
from callchart.states import CHART as PHONE
from tests.engine.exploration.charts import (
    BYE,
    OVER,
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


def is_star(event: DigitReceived) -> bool:
    return event.digit == "*"


def no() -> bool:
    return False


UNBEGUN = chart(state("waiting", entry=greet, after={"t": (5, to("bye"))}))
UNCHECKED = chart(WAITING)
#: The default call, built anew: it extends no chart, and this module has no world of it.
OWN = Chart("phone call of its own", PHONE.states, data=PHONE.data, late=PHONE.late)
NO_KEYS: Mapping[type[Event], Reactions] = {DigitReceived: ignore("no key has a meaning")}
#: A call in which two states are behind guards that never return True, and one is behind those.
SHUT = Chart(
    "shut",
    [
        state(
            "hall",
            on={
                DigitReceived: [to("study", when=is_star), ignore("no other key")],
                Knock: [to("cellar", when=no), ignore("nobody opens")],
            },
            after={"out": (5, to("bye"))},
        ),
        State(
            "study",
            on=NO_KEYS,
            children=[
                state("desk", after={"out": (5, to("shelf"))}),
                state("shelf", after={"out": (5, to("bye"))}),
            ],
        ),
        state("cellar", on=NO_KEYS, after={"out": (5, to("bye"))}),
        BYE.changed("", on=NO_KEYS),
        OVER,
    ],
    events=(Knock, CallerHungUp, LineClosed, DigitReceived),
)

WORLDS = (
    Phone(ROUND),
    Phone(ROUND, name="with turns of none", turns=0),
    Phone(SHUT),
    Phone(UNCHECKED, more_properties=[Property("all is well", is_well)]),
)
