"""The rules of docs/statecharts/semantics.md about one decision. The page names each test."""

from __future__ import annotations

import re
from pathlib import Path

from callchart.engine.chart import (
    Chart,
    Occurrence,
    Outcome,
    State,
    decide,
    defer,
    ignore,
    stay,
    to,
)
from callchart.engine.chart.decide import LIVE, next_occurrence
from callchart.engine.events import Event
from callchart.engine.settings import SettingRef, Settings
from tests.engine.chart.by_hand import (
    LONG,
    OVER,
    Call,
    Hand,
    Knock,
    Notes,
    Say,
    Worked,
    chart,
    leaf,
    no,
    note,
    note_again,
    say_notes,
    yes,
)

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/statecharts/semantics.md"


# --- the page itself -----------------------------------------------------------------------------


def rules() -> list[str]:
    """Return the page's rules: its list items."""
    return re.findall(r"^- .*(?:\n  .*)*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_each_rule_of_the_page_names_a_test_that_exists() -> None:
    assert len(rules()) > 40
    for rule in rules():
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", rule)
        assert named, f"the rule names no test: {rule}"
        for file, test in named:
            (path,) = (ROOT / "tests/engine").rglob(file)
            found = re.search(rf"^(async )?def {test}\(", path.read_text("utf-8"), re.MULTILINE)
            assert found, f"{file} has no {test}"


def test_each_test_of_this_file_is_named_by_a_rule() -> None:
    page, this = PAGE.read_text(encoding="utf-8"), Path(__file__).read_text(encoding="utf-8")
    rules_begin = this.index("# --- which reaction")
    tests = re.findall(r"^def (test_\w+)", this[rules_begin:], re.MULTILINE)
    assert [test for test in tests if f"::{test}`" not in page] == []


# --- which reaction ------------------------------------------------------------------------------


def test_reactions_are_tried_from_the_leaf_outwards_and_in_the_order_written() -> None:
    def first() -> bool:
        return False

    def second() -> bool:
        return False

    def parents() -> bool:
        return False

    hand = Hand(
        chart(
            State(
                "parent",
                on={Knock: [stay(when=parents), ignore("no other reaction applies")]},
                children=[leaf("child", on={Knock: [stay(when=first), stay(when=second)]})],
            )
        )
    )

    step = hand.take(Knock())

    assert step.guards == (("first", False), ("second", False), ("parents", False))
    assert step.reaction is not None
    assert step.reaction.declared == ignore("no other reaction applies")


def test_guards_behind_the_reaction_that_applies_are_not_asked() -> None:
    hand = Hand(
        chart(
            State(
                "parent",
                on={Knock: [to("over", when=no), ignore("")]},
                children=[leaf("child", on={Knock: [stay(when=yes), stay(when=no)]})],
            )
        )
    )

    assert hand.take(Knock()).guards == (("yes", True),)
    assert hand.leaf == "parent.child"


def test_the_parents_reaction_applies_when_the_guard_of_the_leaf_refuses() -> None:
    hand = Hand(
        chart(
            State(
                "parent",
                on={Knock: to("over")},
                children=[leaf("child", on={Knock: stay(when=yes)})],
            )
        ),
        Notes(yes=False),
    )

    hand.take(Knock())

    assert hand.leaf == "over"


# --- exits and entries ---------------------------------------------------------------------------


def family(*, on_parent: object = None, on_child: object = None) -> Hand:
    """Return top > parent > (child, sibling); the parent reacts to Knock, the child to Call."""
    reactions = {"on_parent": on_parent or ignore(""), "on_child": on_child or ignore("")}
    return Hand(
        chart(
            State(
                "top",
                on={Knock: ignore(""), Call: ignore("")},
                children=[
                    State(
                        "parent",
                        on={Knock: reactions["on_parent"]},  # type: ignore[dict-item]
                        children=[
                            leaf("child", on={Call: reactions["on_child"]}),  # type: ignore[dict-item]
                            leaf("sibling", on={Call: to("child")}),
                        ],
                        after={"reach": (LONG, to("sibling"))},
                    )
                ],
            ),
            events=(Knock, Call),
        )
    )


def test_exits_go_innermost_first_and_entries_outermost_first() -> None:
    hand = Hand(
        chart(
            State("a", children=[State("b", children=[leaf("c", on={Knock: to("z")})])]),
            State("x", children=[State("y", children=[leaf("z", on={Knock: ignore("")})])]),
        )
    )

    hand.take(Knock())

    assert hand.exits == ["a.b.c", "a.b", "a"]
    assert hand.entries == ["x", "x.y", "x.y.z"]


def test_a_common_ancestor_is_not_left() -> None:
    hand = family(on_child=to("sibling"))

    hand.take(Call())

    assert (hand.exits, hand.entries) == (["top.parent.child"], ["top.parent.sibling"])


def test_a_compound_state_is_entered_through_its_initial_children() -> None:
    hand = Hand(
        chart(
            leaf("start", on={Knock: to("a")}),
            State(
                "a",
                initial="d",
                children=[
                    leaf("b", on={Knock: to("d")}),
                    State(
                        "d",
                        children=[leaf("e", on={Knock: to("b")}), leaf("f", on={Knock: to("b")})],
                    ),
                ],
                after={"reach": (LONG, to("f"))},
            ),
        )
    )

    hand.take(Knock())

    assert hand.entries == ["a", "a.d", "a.d.e"]


def test_a_state_that_goes_to_itself_is_left_and_entered_again() -> None:
    hand = family(on_child=to("child"))
    before = hand.step.after.activation("top.parent.child")

    hand.take(Call())

    assert (hand.exits, hand.entries) == (["top.parent.child"], ["top.parent.child"])
    assert hand.step.after.activation("top.parent.child") != before


def test_a_child_that_goes_to_its_own_parent_leaves_and_enters_it_again() -> None:
    hand = family(on_child=to("parent", restart=True))

    hand.take(Call())

    assert hand.exits == ["top.parent.child", "top.parent"]
    assert hand.entries == ["top.parent", "top.parent.child"]


def test_a_parent_that_goes_to_its_descendant_is_not_left() -> None:
    hand = family(on_parent=to("sibling"))

    hand.take(Knock())

    assert (hand.exits, hand.entries) == (["top.parent.child"], ["top.parent.sibling"])


def test_a_parents_transition_to_an_active_descendant_enters_it_again() -> None:
    hand = family(on_parent=to("child"))

    hand.take(Knock())

    assert (hand.exits, hand.entries) == (["top.parent.child"], ["top.parent.child"])


def test_staying_leaves_and_enters_nothing() -> None:
    hand = family(on_child=stay(update=note, effects=Say("hello")))
    before = hand.step.after

    step = hand.take(Call())

    assert (step.outcome, step.after, step.exits, step.entries) == (Outcome.STAYED, before, (), ())
    assert step.effects == (Say("hello"),)


def test_ignoring_changes_nothing() -> None:
    hand = family()
    before, data = hand.step.after, hand.step.data

    step = hand.take(Call())

    assert (step.outcome, step.after, step.data) == (Outcome.IGNORED, before, data)


# --- which data each function reads --------------------------------------------------------------


def test_guards_and_exit_effects_see_the_data_before_the_updates() -> None:
    def nothing_is_noted(data: Notes) -> bool:
        return not data.notes

    hand = Hand(
        chart(
            leaf(
                "a",
                exit=say_notes,
                on={Knock: [to("b", update=note, when=nothing_is_noted), ignore("")]},
            ),
            leaf("b", on={Knock: ignore("")}),
        )
    )

    step = hand.take(Knock())

    assert step.guards == (("nothing_is_noted", True),)
    assert step.exit_effects == (Say("0 notes"),)


def test_updates_follow_each_other_and_later_functions_see_the_new_data() -> None:
    def as_many_seconds_as_notes(data: Notes) -> float:
        return len(data.notes)

    hand = Hand(
        chart(
            leaf("a", on={Knock: to("b", update=[note, note_again], effects=say_notes)}),
            leaf(
                "b",
                entry=say_notes,
                on={Knock: ignore("")},
                after={"computed": (as_many_seconds_as_notes, to("over"))},
            ),
        )
    )

    step = hand.take(Knock(), at=10)

    assert step.data.notes == ("noted", "again after 1")
    assert (step.effects, step.entry_effects) == ((Say("2 notes"),), (Say("2 notes"),))
    assert hand.timers[0] == ("computed", 12)


def test_effects_come_in_the_order_of_exits_transition_entries() -> None:
    hand = Hand(
        chart(
            State(
                "a",
                exit=Say("leave a"),
                children=[
                    leaf(
                        "b",
                        exit=[Say("leave b"), Say("b is left")],
                        on={Knock: to("d", effects=[Say("go"), Say("gone")])},
                    )
                ],
            ),
            State(
                "c",
                entry=Say("enter c"),
                children=[leaf("d", entry=Say("enter d"), on={Knock: ignore("")})],
            ),
        )
    )

    step = hand.take(Knock())

    assert step.exit_effects == (Say("leave b"), Say("b is left"), Say("leave a"))
    assert step.effects == (Say("go"), Say("gone"))
    assert step.entry_effects == (Say("enter c"), Say("enter d"))


# --- time ----------------------------------------------------------------------------------------


def patient(*, on_a: object = None) -> Hand:
    """Return parent (timer of 5 s) > (a, b); `a` has a timer of 1 s."""
    return Hand(
        chart(
            State(
                "parent",
                on={Knock: ignore(""), Call: stay(rearm="long")},
                after={"long": (5, to("over")), "reach": (LONG, to("b"))},
                children=[
                    leaf(
                        "a",
                        on={Knock: on_a or to("b")},  # type: ignore[dict-item]
                        after={"short": (1, stay())},
                    ),
                    leaf("b", on={Knock: to("a")}),
                ],
            ),
            events=(Knock, Call),
        )
    )


def test_a_move_inside_a_state_does_not_restart_its_timer() -> None:
    hand = patient()

    hand.take(Knock(), at=3)

    assert hand.leaf == "parent.b"
    assert ("long", 5) in hand.timers


def test_a_state_that_is_entered_again_starts_its_timers_again() -> None:
    hand = patient(on_a=to("parent", restart=True))

    hand.take(Knock(), at=3)

    assert ("long", 8) in hand.timers


def test_leaving_a_state_stops_its_timers() -> None:
    hand = patient()

    hand.take(Knock(), at=0.5)

    assert "short" not in dict(hand.timers)


def test_rearm_starts_a_timer_again() -> None:
    hand = patient()

    hand.take(Call(), at=3)

    assert hand.step.outcome is Outcome.STAYED
    assert ("long", 8) in hand.timers
    assert ("long", 5) not in hand.timers


def test_rearm_starts_a_timer_that_has_fired_once_more() -> None:
    hand = patient(on_a=stay(rearm="short"))
    assert hand.wait().at_us == 1_000_000
    assert "short" not in dict(hand.timers)

    hand.take(Knock(), at=2)

    assert ("short", 3) in hand.timers


def test_rearm_restarts_the_nearest_timer_of_that_name() -> None:
    hand = Hand(
        chart(
            State(
                "parent",
                after={"same": (20, to("over"))},
                children=[
                    leaf("child", on={Knock: stay(rearm="same")}, after={"same": (10, stay())})
                ],
            )
        )
    )

    hand.take(Knock(), at=1)

    assert hand.step.started == (("parent.child", "same", 10_000_000),)


def test_rearm_passes_over_a_timer_of_a_state_that_is_not_active() -> None:
    hand = Hand(
        chart(
            State(
                "parent",
                on={Knock: stay(rearm="same")},
                children=[
                    leaf("a", after={"go": (1, to("b"))}),
                    leaf("b", after={"same": (5, stay())}),
                ],
            )
        )
    )
    before = hand.step.after.timers

    assert hand.take(Knock()).after.timers == before
    hand.wait()
    hand.take(Knock(), at=3)

    assert ("same", 8) in hand.timers


def test_a_timer_fires_once_a_stay() -> None:
    hand = patient()

    step = hand.wait()

    assert (step.outcome, hand.leaf, hand.at) == (Outcome.STAYED, "parent.a", 1_000_000)
    assert "short" not in dict(hand.timers)


def test_timers_fire_by_deadline_and_then_by_declaration() -> None:
    hand = Hand(
        chart(
            State(
                "parent",
                on={Knock: ignore("")},
                after={"parents": (2, ignore(""))},
                children=[leaf("a", after={"late": (2, ignore("")), "soon": (1, ignore(""))})],
            )
        )
    )

    fired = [(hand.wait().event.timer, hand.at / 1e6) for _ in range(3)]  # type: ignore[attr-defined]

    assert fired == [("soon", 1), ("parents", 2), ("late", 2)]


def test_a_delay_is_a_number_a_setting_or_a_function_of_the_data() -> None:
    def computed(data: Notes) -> float:
        return data.delay

    hand = Hand(
        chart(
            leaf(
                "a",
                on={Knock: ignore("")},
                after={
                    "number": (0.25, ignore("")),
                    "setting": (SettingRef("longest_call"), ignore("")),
                    "function": (computed, ignore("")),
                },
            )
        ),
        Notes(settings=Settings(longest_call=4.5), delay=1.5),
    )

    assert hand.timers[:3] == [("number", 0.25), ("function", 1.5), ("setting", 4.5)]


def test_a_computed_delay_below_zero_counts_as_zero() -> None:
    def computed() -> float:
        return -3.0

    hand = Hand(
        chart(
            leaf("start", on={Knock: to("a")}),
            leaf("a", on={Knock: ignore("")}, after={"overdue": (computed, to("over"))}),
        )
    )

    hand.take(Knock(), at=2)

    assert hand.timers[0] == ("overdue", 2)


def test_a_delay_of_zero_is_a_step_of_its_own_at_the_same_moment() -> None:
    hand = Hand(
        chart(
            leaf("start", on={Knock: to("a")}),
            leaf("a", on={Knock: ignore("")}, after={"at_once": (0, to("b"))}),
            leaf("b", on={Knock: ignore("")}),
        )
    )
    hand.take(Knock(), at=2)
    assert hand.leaf == "a"

    hand.wait()

    assert (hand.leaf, hand.at) == ("b", 2_000_000)


# --- deferred events -----------------------------------------------------------------------------


def busy_then_free() -> Chart:
    return chart(
        leaf(
            "busy",
            on={Knock: defer("busy"), Call: to("free"), Worked: defer("busy")},
            activity="work",
        ),
        leaf(
            "free",
            on={Knock: stay(update=note), Call: ignore(""), Worked: ignore("")},
            activity="work",
        ),
        events=(Knock, Call, Worked),
    )


def test_deferred_events_come_again_in_order_after_the_next_change_of_state() -> None:
    hand = Hand(busy_then_free())
    assert hand.take(Knock("1"), at=1).outcome is Outcome.DEFERRED
    assert hand.take(Knock("2"), at=2).outcome is Outcome.DEFERRED
    hand.take(Call(), at=3)

    offered = [hand.wait(), hand.wait()]

    assert [step.event for step in offered] == [Knock("1"), Knock("2")]
    assert hand.step.after.recalled == ()


def test_a_deferred_event_comes_again_at_the_moment_of_the_change() -> None:
    hand = Hand(busy_then_free())
    hand.take(Knock(), at=1)
    hand.take(Call(), at=3)

    assert hand.wait().at_us == 3_000_000


def test_each_deferred_event_is_a_step_of_its_own() -> None:
    hand = Hand(busy_then_free())
    hand.take(Knock("1"))
    hand.take(Knock("2"))

    step = hand.take(Call())

    assert step.data.notes == ()
    assert [put_off.event for put_off in step.after.recalled] == [Knock("1"), Knock("2")]
    assert next_occurrence(step.after) == step.after.recalled[0]


def test_deferred_events_do_not_come_again_while_the_state_stays() -> None:
    hand = Hand(
        chart(
            leaf("busy", on={Knock: defer("busy"), Call: stay()}),
            events=(Knock, Call),
        )
    )
    hand.take(Knock())

    step = hand.take(Call())

    assert (len(step.after.deferred), step.after.recalled) == (1, ())


def test_an_event_deferred_twice_keeps_its_place_in_the_order() -> None:
    def is_the_second(event: Knock) -> bool:
        return event.note == "2"

    hand = Hand(
        chart(
            leaf("busy", on={Knock: defer("busy"), Call: to("still_busy")}),
            leaf(
                "still_busy",
                on={Knock: [to("free", when=is_the_second), defer("still")], Call: ignore("")},
            ),
            leaf("free", on={Knock: ignore(""), Call: ignore("")}),
            events=(Knock, Call),
        )
    )
    for number in "123":
        hand.take(Knock(number))
    hand.take(Call())

    offered = [hand.wait().event for _ in range(4)]

    assert offered == [Knock("1"), Knock("2"), Knock("1"), Knock("3")]
    assert hand.step.after.recalled == ()


def test_a_deferred_event_of_an_activity_that_has_ended_is_stale() -> None:
    hand = Hand(busy_then_free())
    hand.take(Worked(), of="busy")
    hand.take(Call())

    assert hand.wait().outcome is Outcome.STALE


# --- stale and late events -----------------------------------------------------------------------


def test_an_event_of_a_stay_that_has_ended_is_stale_and_changes_nothing() -> None:
    hand = Hand(busy_then_free())
    of_the_first_stay = Occurrence(1_000_000, Worked(), hand.step.after.activation("busy"))
    hand.take(Call())
    before, data = hand.step.after, hand.step.data

    step = hand.carry(of_the_first_stay)

    assert (step.outcome, step.after, step.data) == (Outcome.STALE, before, data)


def test_a_new_stay_in_the_same_state_makes_events_of_the_old_one_stale() -> None:
    hand = Hand(
        chart(
            leaf("a", activity="work", on={Knock: to("a"), Worked: stay()}),
            events=(Knock, Worked),
        )
    )
    of_the_first_stay = Occurrence(0, Worked(), hand.step.after.activation("a"))
    hand.take(Knock())

    assert hand.carry(of_the_first_stay).outcome is Outcome.STALE
    assert hand.take(Worked(), of="a").outcome is Outcome.STAYED


def test_an_event_from_outside_is_never_stale() -> None:
    hand = Hand(busy_then_free())
    hand.take(Call())

    assert hand.take(Knock()).outcome is Outcome.STAYED


def test_an_event_about_something_finished_is_late_and_changes_nothing() -> None:
    def is_old(data: Notes, event: Event) -> bool:
        return event == Knock("old")

    hand = Hand(
        Chart("a test's", [leaf("a", on={Knock: to("over")}), OVER], events=(Knock,), late=is_old),
    )
    before = hand.step.after

    step = hand.take(Knock("old"))

    assert (step.outcome, step.after, step.guards) == (Outcome.LATE, before, ())


def test_a_final_state_reacts_to_nothing() -> None:
    hand = Hand(chart(leaf("a", on={Knock: to("over")})))
    hand.take(Knock())
    assert hand.chart.is_final(hand.leaf)

    step = hand.take(Knock())

    assert (step.outcome, step.reaction) == (Outcome.STALE, None)
    assert next_occurrence(step.after) is None


# --- determinism, and what SCXML does otherwise --------------------------------------------------


def test_the_same_arguments_give_an_equal_step() -> None:
    table = busy_then_free()
    one, other = Hand(table), Hand(table)
    for hand in (one, other):
        hand.take(Knock(), at=1)
        hand.take(Call(), at=2)

    assert one.step == other.step
    again = decide(table, one.step.before, Notes(), one.step.occurrence, evaluator=LIVE)
    assert again == one.step


def test_a_compound_state_is_entered_at_its_initial_child_each_time() -> None:
    hand = family(on_child=to("parent", restart=True))
    hand.wait()
    assert hand.leaf == "top.parent.sibling"
    hand.take(Call())

    hand.take(Call())

    assert hand.entries == ["top.parent", "top.parent.child"]


def test_one_event_makes_at_most_one_transition() -> None:
    hand = Hand(
        chart(
            leaf("a", on={Knock: to("b")}),
            leaf("b", on={Knock: to("c")}),
            leaf("c", on={Knock: ignore("")}),
        )
    )

    hand.take(Knock())

    assert hand.leaf == "b"
    assert next_occurrence(hand.step.after) is not None
    assert hand.step.after.recalled == ()
