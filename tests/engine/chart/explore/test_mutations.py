"""Mistakes in a small chart, and how an exploration finds each of them."""

from __future__ import annotations

from engine.chart import Chart, Outcome, State, Step, ignore, stay, to
from engine.chart.explore import Exploration, Property, Standing
from engine.chart.explore.mutations import Caught, Portrait, mutants, verdict
from engine.data import CallData
from engine.effects import StopPlayback
from engine.events import Event, ReplyReady
from engine.world import Phone, Situation
from tests.engine.chart.explore.charts import (
    WAITING,
    Counted,
    Knock,
    chart,
    count,
    knocked,
    state,
)


def nothing_is_late(data: CallData, event: Event) -> bool:
    return False


DOOR = state(
    "door",
    on={Knock: stay(update=count, effects=StopPlayback(), rearm="out")},
    after={"out": (5, to("waiting"))},
    exit=StopPlayback(),
)
EVENTS = chart(WAITING).events
SMALL = Chart(
    "small", chart(DOOR, WAITING).states, events=EVENTS, data=Counted, late=nothing_is_late
)


def portrait(whole: Chart) -> Portrait:
    exploration = Exploration(whole, Phone(whole))
    for _ in exploration.run():
        pass
    return Portrait.of(exploration)


def verdicts(whole: Chart) -> dict[str, Caught]:
    """How each of its mutants is found."""
    usual = [portrait(whole)]
    return {m.mistake: verdict(m, [Phone], usual)[0] for m in mutants(whole)}


def test_mistakes_that_matter_are_found_and_how() -> None:
    found = verdicts(SMALL)
    assert found["door: on Knock, its answer is gone"] is Caught.REFUSED
    assert found["door: after out is gone"] is Caught.REFUSED
    assert found["door: after out is 0 s"] is Caught.DIFFERENT
    assert found["door: after out is never"] is Caught.DIFFERENT
    assert found["door: after out, its answer leads to bye"] is Caught.REFUSED
    assert found["door: on Knock, its answer without count"] is Caught.DIFFERENT
    assert found["door: on Knock, its answer without StopPlayback"] is Caught.DIFFERENT
    assert found["door: on exit, no StopPlayback"] is Caught.DIFFERENT
    assert found["bye: on entry, no HangUpLine"] is Caught.BROKEN


def test_mistakes_that_do_not_matter_survive() -> None:
    survivors = {m for m, how in verdicts(SMALL).items() if how is Caught.SURVIVED}
    # Nothing is late in this chart, and nothing of it is of a stay that is over.
    assert survivors == {"stale events are acted on", "late events are acted on"}


def test_a_mistake_after_which_nobody_comes_to_a_state_any_more_leaves_it_unexplored() -> None:
    angry = [to("call.angry", when=knocked), stay(update=count)]
    call = state(
        "call",
        children=[
            State("patient", on={Knock: angry}, after={"out": (5, to("bye"))}),
            State("angry", after={"sulk": (3, to("bye"))}),
        ],
        after={"longest": (100, to("bye"))},
    )
    nested = chart(call, data=Counted)
    found = {m.mistake: verdict(m, [Phone], [portrait(nested)]) for m in mutants(nested)}
    assert "late events are acted on" not in found  # nothing says which are late
    uncounted = found["call.patient: on Knock, answer 2 without count"]
    # In `angry` alone a knock is the call's to answer.
    assert uncounted == (Caught.UNEXPLORED, "call, Knock")


def test_a_stale_event_that_is_acted_on_breaks_a_property() -> None:
    replying = state(
        "replying", activity="reply", on={ReplyReady: ignore("")}, after={"out": (5, to("bye"))}
    )
    whole = chart(replying, events=[ReplyReady])
    stale = next(mutants(whole))
    assert stale.mistake == "stale events are acted on"
    assert verdict(stale, [Phone], [portrait(whole)]) == (
        Caught.BROKEN,
        "nothing of a stay that is over is acted on: ReplyReady of a stay that is over was ignored",
    )


def uncounted(before: Standing, step: Step, after: Situation) -> str | None:
    knocks = isinstance(step.event, Knock) and step.outcome is Outcome.STAYED
    return "a knock is lost" if knocks and not step.data.knocks else None


def minding(whole: Chart) -> Phone:
    return Phone(whole, more_properties=[Property("knocks are counted", uncounted)])


def test_of_several_worlds_one_in_which_a_property_is_broken_says_most() -> None:
    usual = portrait(SMALL)
    forgetful = next(m for m in mutants(SMALL) if m.mistake.endswith("without count"))
    in_the_first = verdict(forgetful, [Phone], [usual])
    assert in_the_first[0] is Caught.DIFFERENT
    assert verdict(forgetful, [Phone, Phone], [usual, usual]) == in_the_first
    broken = (Caught.BROKEN, "knocks are counted: a knock is lost")
    assert verdict(forgetful, [Phone, minding], [usual, usual]) == broken
