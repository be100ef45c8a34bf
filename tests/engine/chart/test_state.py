"""The vocabulary of a state file, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from callchart.engine.chart import Effect, State, after_of, defer, ignore, stay, to
from callchart.engine.chart.state import Defer, Ignore, Stay, To, named, reactions_of
from callchart.states.settings import settings
from tests.engine.chart.by_hand import Call, Knock, Say, leaf, note, note_again, yes


def test_one_update_or_effect_or_timer_may_be_written_without_brackets() -> None:
    assert to("a", update=note, effects=Say("x")) == To(None, "a", (note,), (Say("x"),), False)
    assert stay(update=[note, note_again], rearm="tick") == Stay(
        None, (note, note_again), (), ("tick",)
    )


def test_reactions_keep_their_arguments() -> None:
    assert to("a", when=yes, restart=True) == To(yes, "a", (), (), True)
    assert ignore("why", when=yes) == Ignore(yes, "why")
    assert defer("later", when=yes) == Defer(yes, "later")
    assert reactions_of(ignore("why")) == (ignore("why"),)
    assert after_of((1.5, [stay(when=yes), stay()])) == (1.5, (stay(when=yes), stay()))


def test_entry_and_exit_effects_are_tuples() -> None:
    state = State("a", entry=Say("in"), exit=[Say("one"), Say("two")])

    assert state.entry_effects == (Say("in"),)
    assert state.exit_effects == (Say("one"), Say("two"))


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (yes, "yes"),
        (settings.no_input, "no_input"),
        (Say("hello"), "Say"),
        (0.25, "0.25 s"),
        (2, "2 s"),
    ],
)
def test_every_part_that_a_diagram_shows_has_a_name(thing: Any, name: str) -> None:
    assert named(thing) == name


def test_an_effect_describes_its_fields() -> None:
    assert Say("hello").described() == {"text": "hello"}


def test_an_error_names_the_effect_that_cannot_be_carried_out() -> None:
    @dataclass(frozen=True, slots=True)
    class Wish(Effect):
        pass

    with pytest.raises(NotImplementedError, match="Wish"):
        Wish().carry_out(None)


# --- changed states ------------------------------------------------------------------------------


def nested() -> State:
    return State(
        "top",
        children=[
            State("p", children=[leaf("a", on={Knock: ignore("old")}), leaf("b")]),
            leaf("c"),
        ],
    )


def test_a_changed_state_has_the_new_reactions_and_keeps_the_others() -> None:
    changed = nested().changed("p.a", on={Call: ignore("new")}, after={"tick": (1, stay())})

    p, c = changed.children
    a, b = p.children
    assert {event: reactions_of(reactions) for event, reactions in a.on.items()} == {
        Knock: (ignore("old"),),
        Call: (ignore("new"),),
    }
    assert list(a.after) == ["out", "tick"]
    assert (b, c) == (leaf("b"), leaf("c"))


def test_a_reaction_without_a_guard_replaces_the_existing_ones() -> None:
    changed = nested().changed("p.a", on={Knock: [stay(when=yes), ignore("new")]})

    a = changed.children[0].children[0]
    assert reactions_of(a.on[Knock]) == (stay(when=yes), ignore("new"))


def test_reactions_with_guards_are_tried_before_the_existing_ones() -> None:
    changed = nested().changed(
        "p.a", on={Knock: stay(when=yes)}, after={"out": (5, stay(when=yes))}
    )

    a = changed.children[0].children[0]
    assert reactions_of(a.on[Knock]) == (stay(when=yes), ignore("old"))
    assert after_of(a.after["out"]) == (5, (stay(when=yes), to("over")))


def test_added_states_come_after_the_existing_children() -> None:
    changed = nested().changed("p", add=[leaf("d")])

    assert [child.name for child in changed.children[0].children] == ["a", "b", "d"]


def test_changing_a_state_returns_a_new_one() -> None:
    original = nested()

    original.changed("", add=[leaf("d")], on={Knock: ignore("")})

    assert original == nested()


def test_an_error_names_the_unknown_child() -> None:
    with pytest.raises(KeyError, match="state p has no child 'x'"):
        nested().changed("p.x")
