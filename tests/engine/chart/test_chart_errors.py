"""What a chart refuses to be, and that the refusal names the state, the event and the cure."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

from callchart.engine.chart import Chart, ChartError, Reaction, State, defer, ignore, stay, to
from callchart.engine.chart.state import Reactions
from callchart.engine.settings import SettingRef
from tests.engine.chart.by_hand import (
    OVER,
    Call,
    Hand,
    Knock,
    Notes,
    Worked,
    chart,
    leaf,
    no,
    yes,
)


def refused(*states: State, says: str, events: tuple[type, ...] = (Knock,)) -> None:
    """A chart of `states` is refused with just these words."""
    with pytest.raises(ChartError, match=rf"^{re.escape(says)}$"):
        chart(*states, events=events)


# --- events --------------------------------------------------------------------------------------


def test_an_event_that_can_arrive_is_answered_everywhere() -> None:
    refused(
        leaf("a", on={Knock: to("b")}),
        leaf("b"),
        says="Knock can arrive in b and is not answered there; add it to `on` of b or of a parent: "
        "to(...), stay(...), defer(...) or ignore(reason)",
    )


def test_a_parent_may_answer_for_its_children() -> None:
    assert chart(State("p", on={Knock: ignore("")}, children=[leaf("a")])).leaves == ("p.a", "over")


@pytest.mark.parametrize(
    "answers",
    [stay(when=yes), [stay(when=yes), ignore("", when=no), defer("", when=no)]],
)
def test_an_answer_that_always_has_a_guard_is_none(answers: Reactions) -> None:
    refused(
        leaf("a", on={Knock: answers}),
        says="Knock can arrive in a and is not answered there; add it to `on` of a or of a parent: "
        "to(...), stay(...), defer(...) or ignore(reason)",
    )


def test_guards_in_a_child_may_leave_the_rest_to_its_parent() -> None:
    chart(State("p", on={Knock: ignore("")}, children=[leaf("a", on={Knock: stay(when=yes)})]))


def test_an_activitys_event_is_answered_wherever_the_activity_runs() -> None:
    refused(
        State(
            "p",
            activity="work",
            children=[leaf("a", on={Worked: to("b")}), leaf("b")],
        ),
        events=(Worked,),
        says="Worked can arrive in p.b and is not answered there; add it to `on` of p.b or of a "
        "parent: to(...), stay(...), defer(...) or ignore(reason)",
    )


def test_an_activitys_event_needs_no_answer_where_the_activity_does_not_run() -> None:
    built = chart(leaf("a", activity="work", on={Worked: to("b")}), leaf("b"), events=(Worked,))

    assert (list(built.arriving("a")), list(built.arriving("b"))) == ([Worked], [])


def test_a_final_state_answers_for_nothing() -> None:
    assert chart(leaf("a", on={Knock: to("over")})).reactions("over", "Knock") == ()


def test_an_event_that_the_chart_does_not_know_is_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore(""), Call: ignore("")}),
        says="state a answers Call, which is not among the chart's events; add it to "
        "Chart(events=...)",
    )


@pytest.mark.parametrize(
    ("state", "what"),
    [
        (leaf("a", on={Knock: [ignore(""), stay(when=yes)]}), "on Knock"),
        (leaf("a", on={Knock: [ignore(""), ignore("")]}), "on Knock"),
        (
            leaf("a", on={Knock: ignore("")}, after={"tick": (1, [stay(), to("over", when=yes)])}),
            "after tick",
        ),
    ],
)
def test_an_answer_behind_one_without_a_guard_is_refused(state: State, what: str) -> None:
    refused(
        state,
        says=f"state a, {what}: an answer stands behind one without a guard and can never be given",
    )


def test_a_timer_all_of_whose_answers_have_guards_is_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore("")}, after={"tick": (1, [stay(when=yes), stay(when=no)])}),
        says="state a, after tick: every answer has a guard; when all say no, nothing happens; end "
        "with one without a guard",
    )


# --- targets -------------------------------------------------------------------------------------


def test_a_target_that_does_not_exist_is_refused() -> None:
    refused(
        leaf("a", on={Knock: to("nowhere")}),
        says="state a, on Knock: there is no state 'nowhere'; there are a, over",
    )


def test_a_timers_target_that_does_not_exist_is_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore("")}, after={"tick": (1, to("nowhere"))}),
        says="state a, after tick: there is no state 'nowhere'; there are a, over",
    )


def test_a_target_that_may_mean_two_states_is_refused() -> None:
    refused(
        State("p", children=[leaf("same", on={Knock: to("q")})]),
        State("q", children=[leaf("same", on={Knock: to("same")})]),
        says="state q.same, on Knock: 'same' is ambiguous: p.same, q.same",
    )


def test_a_full_name_is_never_ambiguous() -> None:
    built = chart(
        leaf("same", on={Knock: to("q.same")}),
        State("q", children=[leaf("same", on={Knock: to("same")})]),
    )

    assert built.reactions("q.same", "Knock")[0].leaf == "same"


@pytest.mark.parametrize("target", ["parent", "top", "top.parent"])
def test_going_to_an_ancestor_says_restart(target: str) -> None:
    def nested(*, restart: bool) -> State:
        child = leaf("child", on={Knock: to(target, restart=restart)})
        return State("top", children=[State("parent", children=[child])])

    ancestor = "top" if target == "top" else "top.parent"
    refused(
        nested(restart=False),
        says=f"state top.parent.child, Knock: going to its own ancestor {ancestor} leaves and "
        f"re-enters it, with all that it owns; if that is meant, say restart=True",
    )

    chart(nested(restart=True))


# --- states --------------------------------------------------------------------------------------


def test_a_state_where_nothing_leads_is_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore("")}),
        leaf("island", on={Knock: to("a")}),
        says="state island is unreachable: no transition leads there",
    )


def test_states_that_only_lead_to_each_other_are_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore("")}),
        leaf("b", on={Knock: to("c")}),
        leaf("c", on={Knock: to("b")}),
        says="state b is unreachable: no transition leads there",
    )


def test_one_name_is_declared_once() -> None:
    refused(
        State("p", children=[leaf("a"), leaf("a")]),
        says="state p.a is declared twice",
    )


@pytest.mark.parametrize("name", ["", "two words", "a.b", "1st", "a-b"])
def test_a_name_is_an_identifier(name: str) -> None:
    refused(leaf(name), says=f"state name {name!r}: use a plain identifier")


@pytest.mark.parametrize(
    "state",
    [
        State("p", initial="b", children=[leaf("a")]),
        State("p", initial="b"),
        State("p", initial="q.b", children=[State("q", children=[leaf("b")])]),
    ],
)
def test_the_initial_state_is_one_of_the_children(state: State) -> None:
    refused(state, says=f"state p: initial {state.initial!r} is not among its children")


@pytest.mark.parametrize(
    "state",
    [
        State("end", final=True, on={Knock: ignore("")}),
        State("end", final=True, after={"tick": (1, stay())}),
        State("end", final=True, activity="work"),
        State("end", final=True, children=[leaf("a")]),
    ],
)
def test_a_final_state_is_empty(state: State) -> None:
    refused(state, says="state end is final: nothing can happen in it any more")


def test_a_chart_has_a_state() -> None:
    with pytest.raises(ChartError, match=r"^a chart needs at least one state$"):
        Chart("nothing", [])


# --- time ----------------------------------------------------------------------------------------


def waits_for_ever(*states: State, where: str) -> None:
    with pytest.raises(ChartError) as error:
        Chart("a test's", [*states, OVER], events=(Knock,), data=Notes)
    assert str(error.value) == (
        f"state {where} can wait for ever: no `after` of it or of its parents (the outermost does "
        f"not count) is sure to leave it"
    )


def test_a_state_has_a_bounded_way_out() -> None:
    waits_for_ever(State("a", on={Knock: to("over")}), where="a")


def test_the_bound_of_the_whole_call_is_no_way_out_of_one_state() -> None:
    waits_for_ever(
        State(
            "call",
            on={Knock: to("over")},
            after={"longest_call": (900, to("over"))},
            children=[State("a")],
        ),
        where="call.a",
    )


def test_a_parents_timer_bounds_its_children() -> None:
    chart(
        State(
            "call",
            on={Knock: ignore("")},
            children=[State("p", after={"tick": (1, to("over"))}, children=[State("a")])],
        )
    )


def test_a_timer_that_only_stays_bounds_nothing() -> None:
    waits_for_ever(
        State("a", on={Knock: to("over")}, after={"tick": (1, stay(rearm="tick"))}), where="a"
    )


def test_a_timer_that_may_be_used_up_bounds_nothing() -> None:
    waits_for_ever(
        State("a", on={Knock: ignore("")}, after={"tick": (1, [stay(when=yes), to("over")])}),
        where="a",
    )


def test_a_parents_timer_that_moves_within_the_parent_bounds_nothing() -> None:
    inside = State(
        "p",
        on={Knock: to("over")},
        after={"tick": (1, to("b"))},
        children=[leaf("a"), State("b")],
    )
    waits_for_ever(State("call", children=[inside]), where="call.p.b")


def test_rearm_names_a_timer_that_there_is() -> None:
    refused(
        leaf("a", on={Knock: stay(rearm="tick")}),
        says="state a, on Knock: rearm names no timer 'tick' of this state's line",
    )


def test_rearm_does_not_reach_the_timer_of_a_sibling() -> None:
    sibling = leaf("b", on={Knock: ignore("")}, after={"tick": (1, stay())})
    refused(
        State("p", children=[leaf("a", on={Knock: stay(rearm="tick")}), sibling]),
        says="state p.a, on Knock: rearm names no timer 'tick' of this state's line",
    )


def test_a_parent_may_rearm_the_timer_of_its_child() -> None:
    child = leaf("a", after={"tick": (1, stay())})
    chart(State("p", on={Knock: stay(rearm="tick")}, children=[child]))


def test_an_event_of_another_chart_is_refused_when_it_comes() -> None:
    hand = Hand(chart(leaf("a", on={Knock: ignore("")})))

    with pytest.raises(
        ChartError, match=r"^Call happened in a, and is not among the events of this chart$"
    ):
        hand.take(Call())


# --- what cannot be meant ------------------------------------------------------------------------


def test_timers_of_no_length_that_lead_in_a_circle() -> None:
    refused(
        leaf("a", after={"on": (0, to("b")), "out": (1, to("over"))}),
        leaf("b", after={"on": (0, to("a")), "out": (1, to("over"))}),
        says="states a, b lead to each other after 0 s: the call would turn in a circle at one "
        "instant",
        events=(),
    )


def test_a_chain_of_timers_of_no_length_may_end() -> None:
    chain = [leaf("a", after={"on": (0, to("b"))}), leaf("b", after={"on": (0, to("over"))})]
    assert chart(*chain, events=()).leaves == ("a", "b", "over")


def test_a_timer_that_only_leads_back_bounds_nothing() -> None:
    refused(
        State("a", after={"again": (1, to("a"))}, on={Knock: to("over")}),
        says="state a can wait for ever: no `after` of it or of its parents (the outermost does "
        "not count) is sure to leave it",
    )


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), 1e12])
def test_a_delay_that_is_none(delay: float) -> None:
    refused(
        State("a", after={"out": (delay, to("over"))}),
        says=f"state a, after out: {delay} s is no delay",
        events=(),
    )


def test_an_answer_that_is_none() -> None:
    refused(
        leaf("a", on={Knock: Reaction()}),
        says="state a, on Knock: Reaction(when=None) is no answer; use to, stay, ignore or defer",
    )


NAMELESS: Any = partial(yes)


@pytest.mark.parametrize("answer", [stay(when=NAMELESS), to("over", update=NAMELESS)])
def test_a_function_without_a_name(answer: Reaction) -> None:
    with pytest.raises(ChartError, match=r"^state a, on Knock: functools\.partial.* has no name"):
        chart(leaf("a", on={Knock: [answer, ignore("")]}), events=(Knock,))


@pytest.mark.parametrize(
    "state",
    [
        leaf("a", on={Knock: to("over", update=lambda data, event, at_us: data)}),
        leaf("a", on={Knock: [stay(when=lambda data, event, at_us: True), ignore("")]}),
        State("a", on={Knock: ignore("")}, after={"out": (lambda data, at_us: 1.0, to("over"))}),
        leaf("a", on={Knock: ignore("")}, entry=lambda data, event, at_us: Call("hello")),
    ],
    ids=["update", "guard", "delay", "entry"],
)
def test_a_lambda_has_no_name_of_its_own(state: State) -> None:
    with pytest.raises(ChartError, match=r"^state a.*<lambda> at .* has no name to be drawn by"):
        chart(state, events=(Knock,))


@pytest.mark.parametrize(
    ("delay", "says"),
    [
        ("5", "'5' is no delay; write seconds, a setting or a function"),
        (SettingRef("no_such"), "there is no setting 'no_such'"),
    ],
)
def test_a_delay_of_another_kind(delay: Any, says: str) -> None:
    after = {"out": (delay, to("over"))}
    refused(State("a", after=after), says=f"state a, after out: {says}", events=())


def test_a_timers_name_is_one_word() -> None:
    """In the SCXML, a name of two words would be two events."""
    refused(
        State("a", after={"too long": (1, to("over"))}),
        says="state a, after too long: use a plain identifier for a timer's name",
        events=(),
    )


def test_what_is_no_event_and_what_is_no_timer() -> None:
    wrong: Any = {"Knock": ignore("")}
    refused(State("a", on=wrong), says="state a, on 'Knock': write the event's class", events=())
    wrong = {"out": 5.0}
    refused(
        State("a", after=wrong), says="state a, after out: 5.0 is not (delay, answers)", events=()
    )
