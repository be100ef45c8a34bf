"""Paths of small explorations as real calls: their moments, and the paths that are infeasible."""

from __future__ import annotations

import pytest

from callchart.engine.chart import Chart, State, defer, ignore, stay, to
from callchart.engine.chart.state import Delay
from callchart.engine.data import CallData
from callchart.engine.exploration import Exploration, Infeasible, concretize
from callchart.engine.exploration.environment import CanonicalValues, EnvironmentState, Phone
from callchart.states.data import PhoneData
from callchart.states.settings import settings
from tests.engine.exploration.charts import (
    WAITING,
    Counted,
    Knock,
    chart,
    count,
    explored,
    fails,
    knocked,
    state,
)
from tests.engine.exploration.holed import FAILING

SECOND = 1_000_000


def test_a_deferred_event_happens_immediately_when_it_is_offered_again() -> None:
    busy = state("busy", on={Knock: defer("in a moment")}, after={"done": (1, to("waiting"))})
    way = ("Knock()", "after busy done", "Knock, deferred before")
    steps = concretize(explored(chart(busy, WAITING), node_limit=60), way)
    assert [step.at_us for step in steps] == [0, 300_000, SECOND, SECOND]
    assert [step.after.leaf for step in steps] == ["busy", "busy", "waiting", "bye"]


def test_a_call_ends_before_the_step_that_cannot_be_decided() -> None:
    steps = concretize(explored(FAILING, stop_at_first=True), ("Knock()",) * 3)
    assert [step.data.knocks for step in steps] == [0, 1, 2]


def test_a_timer_cannot_fire_before_an_earlier_one() -> None:
    door = state("door", after={"soon": (1, ignore("")), "later": (5, to("bye"))})
    exploration = explored(chart(door))
    assert len(concretize(exploration, ("after door soon", "after door later"))) == 3
    with pytest.raises(Infeasible, match="its timers cannot fire in this order"):
        concretize(exploration, ("after door later",))


def a_whole_call(limit: Delay) -> Chart:
    """Return a chart whose calls end after 2 s, with a step after `limit` that fails."""
    room = State("room", on={Knock: ignore("")}, after={"out": (2, to("bye"))})
    return chart(state("call", children=[room], after={"limit": (limit, to("bye", update=fails))}))


def test_a_step_that_fails_at_the_longest_call_is_feasible() -> None:
    exploration = explored(a_whole_call(settings.longest_call), stop_at_first=True)
    assert len(concretize(exploration, ("after call limit",))) == 1


def test_a_step_that_fails_after_the_end_of_the_call_is_infeasible() -> None:
    exploration = explored(a_whole_call(60), stop_at_first=True)
    with pytest.raises(Infeasible, match="its timers cannot fire in this order"):
        concretize(exploration, ("after call limit",))


def test_an_impossible_move_is_named_with_its_state() -> None:
    twice = ("the caller hangs up", "the caller hangs up")
    with pytest.raises(Infeasible, match="'the caller hangs up' cannot happen in bye"):
        concretize(explored(chart(WAITING)), twice)


def forget_knocks(leaf: str, data: CallData, environment: EnvironmentState) -> CanonicalValues:
    return CanonicalValues(data={"knocks": 0})


def test_a_path_that_forgets_data_that_matter_is_infeasible() -> None:
    answers = [to("bye", when=knocked), stay(update=count)]
    counting = chart(
        state("counting", on={Knock: answers}, after={"out": (5, to("bye"))}), data=Counted
    )
    knocks = ("Knock()",) * 3
    assert concretize(explored(counting), knocks)[-1].after.leaf == "bye"
    exploration = Exploration(counting, Phone(counting, forget=forget_knocks))
    assert list(exploration.run()) == []
    with pytest.raises(
        Infeasible, match="it leads to other states at each of the moments that were tried"
    ):
        concretize(exploration, knocks)


def long_if_late(data: PhoneData, at_us: int) -> float:
    return 1.0 if at_us - data.silent_since_us < 6 * SECOND else 10.0


def test_delays_and_moments_that_depend_on_each_other_in_a_circle_are_infeasible() -> None:
    """An early knock makes the timer short, and a short timer needs a late knock; and the
    reverse."""
    shut = State("shut", on={Knock: to("call.room.open")})
    opened = State("open", after={"draught": (long_if_late, to("bye"))})
    room = State("room", children=[shut, opened], after={"out": (10, to("bye"))})
    call = state("call", children=[room], after={"longest": (100, to("bye"))})
    with pytest.raises(
        Infeasible, match="its delays and its moments depend on each other in a circle"
    ):
        concretize(explored(chart(call, data=PhoneData)), ("Knock()", "after call.room out"))
