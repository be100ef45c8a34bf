"""The results of explorations of small charts, correct and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from callchart.engine.chart import Chart, ChartError, State, defer, ignore, to
from callchart.engine.chart.decide import Active, Configuration, Occurrence
from callchart.engine.chart.state import To
from callchart.engine.effects import AnswerLine, HangUpLine
from callchart.engine.events import CallerHungUp, Event, LineClosed, SpeechEnded
from callchart.engine.exploration import (
    EnvironmentMove,
    Exploration,
    SearchState,
    check_liveness,
    count_ties,
    trace_of,
    unexplored,
)
from callchart.engine.exploration.environment import Phone
from tests.engine.exploration.charts import (
    OVER,
    WAITING,
    Counted,
    Knock,
    chart,
    explored,
    fails,
    state,
)
from tests.engine.exploration.holed import FAILING, ROUND


def the_violation(exploration: Any) -> tuple[str, str, tuple[str, ...]]:
    (violation,) = exploration.violations
    return violation.name, violation.how, violation.path


def test_a_correct_chart_breaks_no_property_and_uses_every_answer() -> None:
    exploration = explored(chart(WAITING))
    assert check_liveness(exploration) == 6.0
    assert exploration.violations == []
    assert unexplored(exploration) == []
    assert exploration.complete


def test_a_chart_with_an_event_without_a_reaction_is_refused_when_it_is_built() -> None:
    with pytest.raises(ChartError, match="state deaf must react to Knock, which can arrive there"):
        chart(State("deaf", on={CallerHungUp: to("bye"), LineClosed: to("bye")}))


def test_two_timers_that_are_always_due_at_one_instant_are_found() -> None:
    rivals = state("rivals", after={"one": (5, to("bye")), "two": (5, to("waiting"))})
    exploration = explored(chart(rivals, WAITING))
    check_liveness(exploration)
    name, how, path = the_violation(exploration)
    assert name == "two timers that always fire at one instant lead to one state"
    assert "after rivals one leads to bye, after rivals two to waiting" in how
    assert path == ()


def test_two_timers_of_the_whole_call_that_are_always_due_at_one_instant_are_found() -> None:
    after = {"one": (5, to("bye")), "two": (5, to("there"))}
    here = State("here", after={"t": (1, to("there"))})
    there = State("there", after={"t": (1, to("bye"))})
    exploration = explored(chart(state("call", children=[here, there], after=after)))
    check_liveness(exploration)
    name, how, path = the_violation(exploration)
    assert name == "two timers that always fire at one instant lead to one state"
    assert how.startswith("after call one leads to bye, after call two to call.there")
    assert path == ()


def test_two_timers_due_at_one_instant_may_lead_to_one_state() -> None:
    twins = state("twins", after={"one": (5, to("bye")), "two": (5, to("bye"))})
    exploration = explored(chart(twins))
    check_liveness(exploration)
    assert exploration.violations == []


def test_an_endless_circle_of_timers_is_found() -> None:
    exploration = explored(ROUND)
    check_liveness(exploration)
    name, how, path = the_violation(exploration)
    assert (name, how) == ("a call ends if only its timers fire", "it comes back from tick to tick")
    assert path == ("after tick t", "after tock t")


def no_time() -> float:
    return 0.0


def test_a_circle_at_one_instant_is_found() -> None:
    exploration = explored(
        chart(
            state("tick", after={"t": (no_time, to("tock"))}),
            state("tock", after={"t": (no_time, to("tick"))}),
        )
    )
    check_liveness(exploration)
    assert the_violation(exploration)[0] == "no call repeats a state without end at one instant"


def never(data: Counted) -> bool:
    return data.knocks > 1


def test_a_wait_without_end_behind_a_guard_is_found() -> None:
    """The chart's own checks accept it, because the timer has a reaction that leaves the state."""
    inner = State(
        "inner",
        after={"t": (3, [to("bye", when=never), ignore("again")]), "u": (1, to("call.other"))},
    )
    other = State("other", after={"u": (1, to("call.inner"))})
    call = state("call", after={"longest": (100, to("bye"))}, children=[inner, other])
    exploration = explored(chart(call, data=Counted))
    check_liveness(exploration)
    assert the_violation(exploration)[0] == "a call ends if only its timers fire"


def test_the_nearest_wait_without_end_behind_a_failing_timer_is_reported() -> None:
    here = state("here", on={Knock: to("there")}, after={"t": (3, to("bye", update=fails))})
    there = state("there", after={"t": (3, to("bye", update=fails))})
    exploration = explored(chart(here, there, data=Counted))
    check_liveness(exploration)
    assert [(v.name, v.how, v.path) for v in exploration.violations] == [
        ("the chart's functions never fail", "ValueError: a hole", ("after here t",)),
        ("a call ends if only its timers fire", "here can wait without end", ()),
    ]


def test_the_nearer_of_two_circles_is_reported() -> None:
    """Timers alone lead to the far circle; a knock leads to the near one."""
    far = [state(f"far{n}", after={"t": (1, to(f"far{n + 1}"))}) for n in range(5)]
    back = state("far5", after={"t": (1, to("far4"))})
    begins = state("begins", on={Knock: to("near")}, after={"t": (1, to("far0"))})
    near = state("near", after={"t": (1, to("nearer"))})
    nearer = state("nearer", after={"t": (1, to("near"))})
    exploration = explored(chart(begins, *far, back, near, nearer))
    check_liveness(exploration)
    assert the_violation(exploration) == (
        "a call ends if only its timers fire",
        "it comes back from near to near",
        ("Knock()", "after near t", "after nearer t"),
    )


@pytest.mark.parametrize(
    ("knock", "how"),
    [("round", "it comes back from round to round"), ("stuck", "stuck can wait without end")],
)
def test_the_nearer_of_a_circle_and_a_wait_without_end_is_reported(knock: str, how: str) -> None:
    other = "stuck" if knock == "round" else "round"
    begins = state("begins", on={Knock: to(knock)}, after={"t": (1, to("on"))})
    on = state("on", after={"t": (1, to("and_on"))})
    and_on = state("and_on", after={"t": (1, to("there"))})
    there = state("there", after={"t": (1, to(other))})
    round_and = state("round", after={"t": (1, to("round_again"))})
    again = state("round_again", after={"t": (1, to("round"))})
    stuck = state("stuck", after={"t": (1, to("bye", update=fails))})
    exploration = explored(chart(begins, on, and_on, there, round_and, again, stuck))
    check_liveness(exploration)
    assert how in [v.how for v in exploration.violations]


class Beyond(Phone):
    """An environment with an event that the chart does not declare."""

    def moves(self, standing: SearchState) -> Sequence[EnvironmentMove]:
        said = EnvironmentMove("speech ends", SpeechEnded(1), standing.environment)
        return (*super().moves(standing), said)


def test_an_event_that_the_chart_does_not_declare_is_found() -> None:
    waiting = chart(WAITING)
    exploration = Exploration(waiting, Beyond(waiting), stop_at_first=True)
    assert list(exploration.run()) == []
    name, how, path = the_violation(exploration)
    assert name == "every event has a reaction"
    assert how.startswith("SpeechEnded happened in waiting")
    assert path == ("speech ends",)


def test_an_event_that_is_answered_after_the_end_is_found() -> None:
    """Here the parent of a final state reacts to events."""
    done = State("done", final=True)
    asked = State("asked", entry=HangUpLine(), after={"t": (1, to("call.done"))})
    call = state("call", after={"longest": (100, to("bye"))}, children=[asked, done])
    how = {v.name: v.how for v in explored(chart(call)).violations}
    assert how["nothing happens after the end"] == "CallerHungUp was taken in call.done"


def test_a_function_that_fails_is_found_with_the_shortest_call_that_gets_there() -> None:
    exploration = explored(FAILING, stop_at_first=True)
    name, how, path = the_violation(exploration)
    assert (name, how) == ("the chart's functions never fail", "ValueError: a hole")
    assert path == ("Knock()", "Knock()", "Knock()")
    assert [leaf for _, leaf in trace_of(exploration, path)] == ["counting"] * 4
    assert not exploration.complete


def nothing() -> Any:
    """Forget to return the data."""


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        (
            to("bye", effects=nothing),
            "TypeError: the function nothing must return an effect, got None",
        ),
        (
            to("bye", update=nothing),
            "TypeError: the update nothing must return the new data, got None",
        ),
    ],
    ids=["effect", "update"],
)
def test_a_function_that_returns_something_else_is_named(answer: To, how: str) -> None:
    exploration = explored(chart(state("waiting", on={Knock: answer}, after={"t": (5, to("bye"))})))
    assert the_violation(exploration) == ("the chart's functions never fail", how, ("Knock()",))


def test_a_timer_that_is_never_due_breaks_no_property() -> None:
    late = state("late", after={"out": (1, to("bye")), "never": (5, to("bye", update=fails))})
    exploration = explored(chart(late))
    assert exploration.violations == []
    (answer,) = unexplored(exploration)
    assert answer.described(exploration.chart) == "late, after late never -> bye"


def test_a_deferred_event_is_offered_again_when_the_state_changes() -> None:
    busy = state("busy", on={Knock: defer("in a moment")}, after={"done": (1, to("waiting"))})
    exploration = explored(chart(busy, WAITING), node_limit=60)
    keys = {s.key for e in exploration.states for s in e.successors or ()}
    assert "Knock, deferred before" in keys


def test_at_most_two_deferred_events_of_a_kind_are_explored() -> None:
    """Without a limit, a chart that defers an event has endlessly many calls."""
    busy = state("busy", on={Knock: defer("in a moment")}, after={"done": (1, to("waiting"))})
    exploration = explored(chart(busy, WAITING), node_limit=60)
    kept = {len(e.state.configuration.deferred) for e in exploration.states}
    assert kept == {0, 1, 2}
    assert exploration.complete


@dataclass(frozen=True, slots=True)
class Rings(Event):
    """An event of an activity."""

    origin: ClassVar[str] = "ring"


def test_an_event_of_an_ended_stay_has_another_key_than_one_of_the_current_stay() -> None:
    async def ring(scene: Any) -> None:
        pass

    ringing = state("ringing", activity="ring", on={Rings: ignore("")}, after={"t": (1, to("bye"))})
    whole = chart(ringing, events=[Rings], activities={"ring": ring})
    world = Phone(whole)
    (data,) = world.initial_data()
    keys = {
        world.key(
            SearchState(
                Configuration((Active("ringing", 3),), recalled=(Occurrence(0, Rings(), stay),)),
                data,
                world.initial_environment(),
            )
        )
        for stay in (1, 3)
    }
    assert len(keys) == 2


def test_a_line_left_open_is_found() -> None:
    rude = State(
        "rude",
        entry=AnswerLine(),
        on={Knock: ignore(""), CallerHungUp: to("over"), LineClosed: to("over")},
        after={"bored": (5, to("over"))},
    )
    silent = Chart("rude", [rude, OVER], events=(Knock, CallerHungUp, LineClosed))
    name, _, path = the_violation(explored(silent))
    assert (name, path) == (
        "the line is hung up or closed when the call ends",
        ("the caller hangs up",),
    )


def test_a_line_hung_up_twice_is_found() -> None:
    twice = State(
        "twice",
        entry=HangUpLine(),
        on={Knock: ignore(""), CallerHungUp: ignore(""), LineClosed: to("bye")},
        after={"out": (5, to("bye"))},
    )
    name, how, _ = the_violation(explored(chart(twice)))
    assert (name, how) == ("the line is hung up only once", "the line is hung up twice")


def test_an_event_and_each_timer_that_may_be_due_first_are_ties() -> None:
    patient = state("patient", on={Knock: to("open")}, after={"out": (5, to("bye"))})
    door = state("open", after={"close": (1, to("bye")), "shut": (9, to("bye"))})
    exploration = explored(chart(patient, door))
    assert count_ties(exploration) > 3


def test_a_recalled_event_ties_with_no_other() -> None:
    answers = {CallerHungUp: defer("in a moment"), LineClosed: ignore("")}
    busy = state("busy", on=answers, after={"done": (1, to("waiting"))})
    exploration = explored(chart(busy, WAITING))
    # In each state one timer runs; it ties with each event, except while a hangup is recalled.
    in_busy, in_waiting, in_bye = 3 + 2 + 1 + 1, 3 + 1, 3 + 2 + 1 + 1
    assert count_ties(exploration) == in_busy + in_waiting + in_bye
