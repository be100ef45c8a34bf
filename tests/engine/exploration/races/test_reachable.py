"""The reachable states of small charts."""

from __future__ import annotations

from callchart.engine.chart import Chart, State, defer, ignore, to
from callchart.engine.data import CallData
from callchart.engine.events import Event
from callchart.engine.exploration.races.reachable import reachable_states
from tests.engine.chart.by_hand import OVER, Call, Knock, Worked, chart, leaf, no, yes


def test_a_reachable_state_has_no_recalled_event_left() -> None:
    put_off = chart(
        leaf("a", on={Knock: defer("not yet"), Call: to("b")}),
        leaf("b", on={Knock: to("c"), Call: ignore("nobody calls")}),
        leaf("c", on={Knock: ignore("it is open"), Call: ignore("nobody calls")}),
        events=(Knock, Call),
    )
    found = list(reachable_states(put_off))
    assert not any(state.step.after.recalled for state in found)
    assert [state.leaf for state in found] == ["a", "a", "b", "c"]


def test_the_answer_is_the_first_whose_guard_returns_true() -> None:
    guarded = chart(
        leaf("a", on={Knock: [to("over", when=no), to("b", when=yes), ignore("never")]}),
        leaf("b", on={Knock: ignore("it is open")}),
    )
    first = next(reachable_states(guarded))
    assert [(h.trigger, h.answer) for h in first.possible] == [("Knock", 1), ("after a out", 0)]


def test_a_late_event_has_no_answer() -> None:
    def is_knock(data: CallData, event: Event) -> bool:
        return isinstance(event, Knock)

    too_late = Chart(
        "a test's", [leaf("a", on={Knock: to("over")}), OVER], events=(Knock,), late=is_knock
    )
    (only,) = reachable_states(too_late)
    assert [(h.trigger, h.answer) for h in only.possible] == [("Knock", -1), ("after a out", 0)]


def test_the_search_goes_on_behind_a_state_with_a_single_possible_trigger() -> None:
    working = chart(
        leaf("a", activity="work", on={Worked: to("b")}),
        State("b", after={"done": (1, to("c"))}),
        leaf("c", activity="work", on={Worked: ignore("it is done")}),
        events=(Worked,),
    )
    assert [state.leaf for state in reachable_states(working)] == ["a", "b", "c"]
