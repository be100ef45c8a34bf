"""Charts that extend another chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from callchart.engine.chart import Chart, ChartError, State, ignore, stay, to
from callchart.engine.data import CallData
from tests.engine.chart.by_hand import OVER, Call, Hand, Knock, Notes, Worked, chart, leaf


async def work(scene: Any) -> None: ...


def base() -> Chart:
    return chart(
        State(
            "top",
            on={Knock: ignore("base")},
            children=[leaf("a"), leaf("b", after={"tick": (1, stay())})],
            after={"reach": (60, to("b"))},
        ),
    )


def test_a_state_is_added_under_a_parent_and_a_reaction_leads_there() -> None:
    own = base().extended("own", add={"top": [leaf("c")]}, on={"a": {Knock: to("c")}})

    hand = Hand(own)
    hand.take(Knock())

    assert hand.leaf == "top.c"
    assert own.leaves == ("top.a", "top.b", "top.c", "over")


def test_extending_a_chart_does_not_change_it() -> None:
    chart = base()

    chart.extended("own", add={"top": [leaf("c")]}, on={"a": {Knock: to("c")}})

    assert chart.hash == base().hash
    assert chart.leaves == ("top.a", "top.b", "over")


def test_a_timer_is_replaced_by_name() -> None:
    own = base().extended("own", after={"top": {"reach": (5, to("b"))}, "b": {"tick": (2, stay())}})

    delays = {timer.name: timer.delay for timer in own.timers if timer.name != "out"}
    assert delays == {"reach": 5, "tick": 2}


def test_events_data_and_activities_are_added() -> None:
    @dataclass(frozen=True)
    class Own(CallData):
        orders: int = 0

    base_chart = Chart(
        "base",
        [leaf("a", on={Knock: ignore("")}), OVER],
        events=(Knock,),
        activities={"base": work},
    )
    own = base_chart.extended(
        "own",
        add={},
        on={"a": {Call: ignore(""), Worked: ignore("")}},
        events=(Call, Worked),
        data=Own,
        activities={"work": work},
    )

    assert own.events == (Knock, Call, Worked)
    assert own.data is Own
    assert dict(own.activities) == {"base": work, "work": work}
    assert (own.extended("again").data, own.extended("again").late) == (Own, None)


def test_the_result_is_checked_like_any_chart() -> None:
    with pytest.raises(ChartError, match=r"state top\.c must be the target"):
        base().extended("own", add={"top": [leaf("c")]})


def test_states_without_a_list_around_them_are_refused() -> None:
    alone: Any = leaf("c")
    with pytest.raises(
        ChartError, match=r"^chart own, add to top: the states must be a list, got State; write \["
    ):
        base().extended("own", add={"top": alone})


@pytest.mark.parametrize("what", ["add", "on", "after"])
def test_an_unknown_state_is_named(what: str) -> None:
    with pytest.raises(
        ChartError,
        match=rf"^chart own, {what}: the state must be one of the chart's, got 'nobody' "
        r"\(the chart has top, top.a, ",
    ):
        base().extended("own", **{what: {"nobody": {}}})  # type: ignore[arg-type]


def test_the_data_must_be_a_subclass_of_the_data_of_the_base() -> None:
    class Own(Notes):
        pass

    class Other(Notes):
        pass

    own = base().extended("own", data=Own)
    with pytest.raises(
        ChartError, match=r"^chart more: data must be a subclass of Own, got Other$"
    ):
        own.extended("more", data=Other)


# --- the hash: a journal belongs to one chart ----------------------------------------------------


def test_the_same_declarations_have_the_same_hash() -> None:
    assert base().hash == base().hash
    assert len(base().hash) == 12


@pytest.mark.parametrize(
    "changes",
    [
        {"add": {"top": [leaf("c")]}, "on": {"a": {Knock: to("c")}}},
        {"on": {"a": {Knock: ignore("otherwise")}}},
        {"on": {"a": {Knock: to("b")}}},
        {"after": {"a": {"out": (61, to("over"))}}},
        {"after": {"b": {"tick": (1, stay(rearm="tick"))}}},
    ],
)
def test_every_changed_declaration_changes_the_hash(changes: dict[str, Any]) -> None:
    assert base().extended("own", **changes).hash != base().hash


def test_texts_and_roles_do_not_change_the_hash() -> None:
    plain = chart(leaf("a", on={Knock: ignore("")}))
    described = chart(leaf("a", on={Knock: ignore("")}, doc="The caller waits.", role="listening"))
    assert described.hash == plain.hash


def test_a_chart_knows_the_chart_that_it_extends_and_keeps_its_overview() -> None:
    first = Chart("first", [leaf("a"), OVER], events=[], overview=["a"])
    own = first.extended("own")
    assert first.base is None
    assert own.base is first
    assert own.overview == first.overview == ("a",)


def test_an_overview_names_states_of_the_chart() -> None:
    with pytest.raises(ChartError, match="chart own, overview"):
        Chart("own", base().states, overview=["somewhere"])
