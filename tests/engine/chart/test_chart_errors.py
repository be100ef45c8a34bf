"""Each mistake in a chart is refused, with the state, the event and the cure."""

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
    note,
    yes,
)


def refused(*states: State, says: str, events: tuple[type, ...] = (Knock,)) -> None:
    """Assert that a chart of `states` is refused with exactly this message."""
    with pytest.raises(ChartError, match=rf"^{re.escape(says)}$"):
        chart(*states, events=events)


# --- events --------------------------------------------------------------------------------------


def test_every_state_reacts_to_each_event_that_can_arrive() -> None:
    refused(
        leaf("a", on={Knock: to("b")}),
        leaf("b"),
        says="state b must react to Knock, which can arrive there; add it to `on` of b or of a "
        "parent: to(...), stay(...), defer(...) or ignore(reason)",
    )


def test_a_parent_may_react_for_its_children() -> None:
    assert chart(State("p", on={Knock: ignore("")}, children=[leaf("a")])).leaves == ("p.a", "over")


@pytest.mark.parametrize(
    "reactions",
    [stay(when=yes), [stay(when=yes), ignore("", when=no), defer("", when=no)]],
)
def test_reactions_that_all_have_guards_are_refused(reactions: Reactions) -> None:
    refused(
        leaf("a", on={Knock: reactions}),
        says="state a must react to Knock, which can arrive there; add it to `on` of a or of a "
        "parent: to(...), stay(...), defer(...) or ignore(reason)",
    )


def test_guards_in_a_child_may_leave_the_rest_to_its_parent() -> None:
    chart(State("p", on={Knock: ignore("")}, children=[leaf("a", on={Knock: stay(when=yes)})]))


def test_every_state_in_which_an_activity_runs_reacts_to_its_events() -> None:
    refused(
        State(
            "p",
            activity="work",
            children=[leaf("a", on={Worked: to("b")}), leaf("b")],
        ),
        events=(Worked,),
        says="state p.b must react to Worked, which can arrive there; add it to `on` of p.b or of "
        "a parent: to(...), stay(...), defer(...) or ignore(reason)",
    )


def test_an_activitys_event_needs_a_reaction_only_where_the_activity_runs() -> None:
    built = chart(leaf("a", activity="work", on={Worked: to("b")}), leaf("b"), events=(Worked,))

    assert (list(built.arriving("a")), list(built.arriving("b"))) == ([Worked], [])


def test_a_final_state_has_no_reactions() -> None:
    assert chart(leaf("a", on={Knock: to("over")})).reactions("over", "Knock") == ()


def test_an_event_that_the_chart_does_not_know_is_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore(""), Call: ignore("")}),
        says="state a reacts to Call, which must be one of the chart's events; add it to "
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
def test_a_reaction_behind_one_without_a_guard_is_refused(state: State, what: str) -> None:
    refused(
        state,
        says=f"state a, {what}: only the last reaction may be without a guard: a reaction after it "
        "never applies",
    )


def test_a_timer_whose_reactions_all_have_guards_is_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore("")}, after={"tick": (1, [stay(when=yes), stay(when=no)])}),
        says="state a, after tick: the last reaction must have no guard: otherwise nothing happens "
        "when all guards return False",
    )


# --- targets -------------------------------------------------------------------------------------


def test_a_target_that_does_not_exist_is_refused() -> None:
    refused(
        leaf("a", on={Knock: to("nowhere")}),
        says="state a, on Knock: the state must be one of the chart's, got 'nowhere' (the chart "
        "has a, over)",
    )


def test_a_timers_target_that_does_not_exist_is_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore("")}, after={"tick": (1, to("nowhere"))}),
        says="state a, after tick: the state must be one of the chart's, got 'nowhere' (the chart "
        "has a, over)",
    )


@pytest.mark.parametrize(
    ("target", "meant"), [("quetsion", "question"), ("p.qestion", "p.question"), ("oevr", "over")]
)
def test_a_misspelt_target_is_answered_with_the_near_one(target: str, meant: str) -> None:
    refused(
        State("p", children=[leaf("question", on={Knock: to(target)})]),
        says=f"state p.question, on Knock: the state must be one of the chart's, got {target!r}; "
        f"did you mean {meant!r}? (the chart has p, p.question, over)",
    )


def test_an_ambiguous_name_is_never_proposed() -> None:
    refused(
        State("p", children=[leaf("same", on={Knock: to("q")})]),
        State("q", children=[leaf("same", on={Knock: to("smae")})]),
        says="state q.same, on Knock: the state must be one of the chart's, got 'smae'; did you "
        "mean 'q.same'? (the chart has p, p.same, q, q.same, over)",
    )


def test_a_target_that_may_mean_two_states_is_refused() -> None:
    refused(
        State("p", children=[leaf("same", on={Knock: to("q")})]),
        State("q", children=[leaf("same", on={Knock: to("same")})]),
        says="state q.same, on Knock: the state 'same' must be one of p.same, q.same; write its "
        "full name",
    )


def test_a_full_name_is_never_ambiguous() -> None:
    built = chart(
        leaf("same", on={Knock: to("q.same")}),
        State("q", children=[leaf("same", on={Knock: to("same")})]),
    )

    assert built.reactions("q.same", "Knock")[0].leaf == "same"


@pytest.mark.parametrize("target", ["parent", "top", "top.parent"])
def test_an_error_for_a_target_that_is_an_ancestor_suggests_restart(target: str) -> None:
    def nested(*, restart: bool) -> State:
        child = leaf("child", on={Knock: to(target, restart=restart)})
        return State("top", children=[State("parent", children=[child])])

    ancestor = "top" if target == "top" else "top.parent"
    refused(
        nested(restart=False),
        says=f"state top.parent.child, on Knock: {ancestor} is an ancestor of the state, so the "
        "transition leaves and re-enters it; say restart=True if you mean that",
    )

    chart(nested(restart=True))


# --- states --------------------------------------------------------------------------------------


def test_a_state_that_no_transition_reaches_is_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore("")}),
        leaf("island", on={Knock: to("a")}),
        says="state island must be the target of a transition that can happen",
    )


def test_states_that_only_lead_to_each_other_are_refused() -> None:
    refused(
        leaf("a", on={Knock: ignore("")}),
        leaf("b", on={Knock: to("c")}),
        leaf("c", on={Knock: to("b")}),
        says="state b must be the target of a transition that can happen",
    )


def test_a_name_that_is_declared_twice_is_refused() -> None:
    refused(
        State("p", children=[leaf("a"), leaf("a")]),
        says="state p.a must be declared once, got it twice",
    )


@pytest.mark.parametrize("name", ["", "two words", "a.b", "1st", "a-b"])
def test_a_name_must_be_an_identifier(name: str) -> None:
    refused(leaf(name), says=f"a state's name must be an identifier, got {name!r}")


@pytest.mark.parametrize(
    ("state", "children"),
    [
        (State("p", initial="b", children=[leaf("a"), leaf("c")]), "a, c"),
        (State("p", initial="b"), "none"),
        (State("p", initial="q.b", children=[State("q", children=[leaf("b")])]), "q"),
    ],
)
def test_the_initial_state_is_one_of_the_children(state: State, children: str) -> None:
    refused(
        state,
        says=f"state p: initial must be one of its children ({children}), got {state.initial!r}",
    )


@pytest.mark.parametrize(
    "state",
    [
        State("end", final=True, on={Knock: ignore("")}),
        State("end", final=True, after={"tick": (1, stay())}),
        State("end", final=True, activity="work"),
        State("end", final=True, children=[leaf("a")]),
    ],
)
def test_a_final_state_with_anything_in_it_is_refused(state: State) -> None:
    refused(
        state,
        says="state end is final, so it must have no children, on, after or activity",
    )


def test_an_unknown_role_is_refused() -> None:
    wrong: Any = "talking"
    refused(
        leaf("a", role=wrong),
        says="state a: role must be one of greeting, listening, settling, thinking, filler, "
        "filler_ending, speaking, overlapped, interrupted, transferring, hangup, got 'talking'; "
        "did you mean 'thinking'?",
    )


def test_a_leaf_has_the_roles_of_its_parents_and_its_own() -> None:
    filling = State("p", role="thinking", children=[leaf("a", role="filler"), leaf("b")])
    table = chart(State("top", on={Knock: to("b")}, children=[filling]))
    assert table.roles("top.p.a") == ("thinking", "filler")
    assert table.roles("top.p.b") == ("thinking",)
    assert table.roles("over") == ()


def test_a_chart_without_states_is_refused() -> None:
    with pytest.raises(ChartError, match=r"^a chart must have at least one state, got none$"):
        Chart("nothing", [])


# --- time ----------------------------------------------------------------------------------------


def lasts_without_limit(*states: State, where: str) -> None:
    with pytest.raises(ChartError) as error:
        Chart("a test's", [*states, OVER], events=(Knock,), data=Notes)
    assert str(error.value) == (
        f"state {where} can last without limit; give it, or a parent other than the outermost, an "
        "`after` whose reactions all leave that state"
    )


def test_a_state_has_a_bounded_way_out() -> None:
    lasts_without_limit(State("a", on={Knock: to("over")}), where="a")


def test_the_limit_of_the_whole_call_does_not_bound_a_state() -> None:
    lasts_without_limit(
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
    lasts_without_limit(
        State("a", on={Knock: to("over")}, after={"tick": (1, stay(rearm="tick"))}), where="a"
    )


def test_a_timer_that_may_be_used_up_bounds_nothing() -> None:
    lasts_without_limit(
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
    lasts_without_limit(State("call", children=[inside]), where="call.p.b")


def test_rearm_must_name_an_existing_timer() -> None:
    refused(
        leaf("a", on={Knock: stay(rearm="tick")}),
        says="state a, on Knock: rearm must name a timer of this state, its parents or its "
        "children (out), got 'tick'",
    )


def test_a_misspelt_timer_is_answered_with_the_near_one() -> None:
    refused(
        State("a", on={Knock: stay(rearm="patiense")}, after={"patience": (1, to("over"))}),
        says="state a, on Knock: rearm must name a timer of this state, its parents or its "
        "children (patience), got 'patiense'; did you mean 'patience'?",
    )


def test_rearm_does_not_reach_the_timer_of_a_sibling() -> None:
    sibling = leaf("b", on={Knock: ignore("")}, after={"tick": (1, stay())})
    refused(
        State("p", children=[leaf("a", on={Knock: stay(rearm="tick")}), sibling]),
        says="state p.a, on Knock: rearm must name a timer of this state, its parents or its "
        "children (out), got 'tick'",
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


# --- circles, delays, functions, names -----------------------------------------------------------


def test_timers_of_0_s_in_a_circle_are_refused() -> None:
    refused(
        leaf("a", after={"on": (0, to("b")), "out": (1, to("over"))}),
        leaf("b", after={"on": (0, to("a")), "out": (1, to("over"))}),
        says="states a, b lead to each other after 0 s, in a circle without end; give one of these "
        "timers a longer delay",
        events=(),
    )


def test_a_chain_of_timers_of_0_s_may_end() -> None:
    chain = [leaf("a", after={"on": (0, to("b"))}), leaf("b", after={"on": (0, to("over"))})]
    assert chart(*chain, events=()).leaves == ("a", "b", "over")


def test_a_timer_that_only_leads_back_bounds_nothing() -> None:
    refused(
        State("a", after={"again": (1, to("a"))}, on={Knock: to("over")}),
        says="state a can last without limit; give it, or a parent other than the outermost, an "
        "`after` whose reactions all leave that state",
    )


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), 1e12])
def test_a_delay_out_of_range_is_refused(delay: float) -> None:
    refused(
        State("a", after={"out": (delay, to("over"))}),
        says=f"state a, after out: a delay must be from 0 to 1e+09 s, got {delay}",
        events=(),
    )


def test_a_reaction_of_another_class_is_refused() -> None:
    refused(
        leaf("a", on={Knock: Reaction()}),
        says="state a, on Knock: must be to, stay, ignore or defer, got Reaction(when=None)",
    )


NAMELESS: Any = partial(yes)


@pytest.mark.parametrize("reaction", [stay(when=NAMELESS), to("over", update=NAMELESS)])
def test_a_function_without_a_name_is_refused(reaction: Reaction) -> None:
    with pytest.raises(ChartError, match=r"^state a, on Knock: a function must have a name"):
        chart(leaf("a", on={Knock: [reaction, ignore("")]}), events=(Knock,))


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
def test_a_lambda_is_refused(state: State) -> None:
    with pytest.raises(ChartError, match=r"^state a.*must have a name.*<lambda> at .*; use a def$"):
        chart(state, events=(Knock,))


@pytest.mark.parametrize(
    ("delay", "says"),
    [
        ("5", "a delay must be seconds, a setting or a function, got '5'"),
        (SettingRef("no_such"), "the setting must be a field of Settings, got 'no_such'"),
        (
            SettingRef("longest_cal"),
            "the setting must be a field of Settings, got 'longest_cal'; did you mean "
            "'longest_call'?",
        ),
    ],
)
def test_a_delay_of_another_type_is_refused(delay: Any, says: str) -> None:
    after = {"out": (delay, to("over"))}
    refused(State("a", after=after), says=f"state a, after out: {says}", events=())


def test_a_timers_name_is_one_word() -> None:
    """In SCXML, a name of two words is two events."""
    refused(
        State("a", after={"too long": (1, to("over"))}),
        says="state a: a timer's name must be an identifier, got 'too long'",
        events=(),
    )


def test_keys_and_values_of_another_type_are_refused() -> None:
    wrong: Any = {"Knock": ignore("")}
    refused(
        State("a", on=wrong),
        says="state a: a key of `on` must be an event's class, got 'Knock'",
        events=(),
    )
    wrong = {"out": 5.0}
    refused(
        State("a", after=wrong),
        says="state a, after out: must be (delay, reactions), got 5.0",
        events=(),
    )


# --- values of other types -----------------------------------------------------------------------


def mistyped(value: object) -> Any:
    """Return a value that a type checker would refuse where it is used."""
    return value


async def ask_somebody(data: Notes) -> bool:
    return True


@pytest.mark.parametrize(
    ("reaction", "says"),
    [
        (
            to("over", update=mistyped("text")),
            "an update must be a function that returns the new data, got 'text'",
        ),
        (
            stay(update=mistyped([note, 5])),
            "an update must be a function that returns the new data, got 5",
        ),
        (
            stay(update=mistyped(None)),
            "an update must be a function that returns the new data, got None",
        ),
        (
            stay(effects=mistyped("say_notes")),
            "an effect must be an Effect, or a function that returns one, got 'say_notes'",
        ),
        (
            to("over", when=mistyped("yes")),
            "a guard must be a function that returns True or False, got 'yes'",
        ),
        (
            to("over", when=mistyped(False)),
            "a guard must be a function that returns True or False, got False",
        ),
        (
            ignore("", when=mistyped(True)),
            "a guard must be a function that returns True or False, got True",
        ),
        (
            to(mistyped(OVER)),
            "the target must be the name of a state, got a State; write to('over')",
        ),
        (to(mistyped(5)), "the target must be the name of a state, got 5"),
        (ignore(mistyped(None)), "the reason must be a text, got None"),
        (defer(mistyped(5)), "the reason must be a text, got 5"),
        (
            stay(when=mistyped(ask_somebody)),
            "ask_somebody must be a plain def, got an async one; work that waits is an activity",
        ),
    ],
)
def test_a_reaction_of_wrong_types_is_refused(reaction: Reaction, says: str) -> None:
    when = None if isinstance(reaction.when, bool | str) else reaction.when
    last = [] if when is None else [ignore("")]
    refused(leaf("a", on={Knock: [reaction, *last]}), says=f"state a, on Knock: {says}")


@pytest.mark.parametrize("use", ["entry", "exit"])
def test_an_effect_of_another_type_is_refused(use: str) -> None:
    effects: dict[str, Any] = {use: "start_reply"}
    refused(
        leaf("a", on={Knock: ignore("")}, **effects),
        says=f"state a, {use}: an effect must be an Effect, or a function that returns one, got "
        "'start_reply'",
    )


def test_an_activity_of_another_type_is_refused() -> None:
    refused(
        leaf("a", activity=mistyped(ask_somebody)),
        says=f"state a: activity must be a name, got {ask_somebody!r}; give it a name in "
        "Chart(activities=...)",
    )


def test_children_of_another_type_are_refused() -> None:
    refused(
        State("p", children=mistyped(["a"])),
        says="state p: a child must be a State, got 'a'",
    )
    refused(
        State("p", children=mistyped(OVER)),
        says="state p: children must be a list of States, got State",
    )


def test_a_name_of_another_type_is_refused() -> None:
    refused(leaf(mistyped(5)), says="a state's name must be an identifier, got 5")


def test_a_misspelt_initial_state_is_answered_with_the_near_one() -> None:
    refused(
        State("p", initial="quetsion", children=[leaf("question"), leaf("b")]),
        says="state p: initial must be one of its children (question, b), got 'quetsion'; did you "
        "mean 'question'?",
    )
