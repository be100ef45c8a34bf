"""Mistakes in a small chart, and how an exploration finds each of them."""

from __future__ import annotations

import pytest

from callchart.engine.chart import Chart, Outcome, State, Step, ignore, stay, to
from callchart.engine.data import CallData
from callchart.engine.effects import StopPlayback
from callchart.engine.events import Event, ReplyReady
from callchart.engine.exploration import Property, SearchState
from callchart.engine.exploration.environment import EnvironmentState, Phone
from callchart.engine.exploration.mutation import mutants
from callchart.engine.exploration.verdict import Caught, Verdict, baseline, verdict
from tests.engine.exploration.charts import (
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
    on={
        Knock: [
            to("waiting", when=knocked),
            stay(update=count, effects=StopPlayback(), rearm="out"),
        ],
    },
    after={"out": (5, to("waiting"))},
    exit=StopPlayback(),
)
EVENTS = chart(WAITING).events
SMALL = Chart(
    "small", chart(DOOR, WAITING).states, events=EVENTS, data=Counted, late=nothing_is_late
)


def verdicts(whole: Chart) -> dict[str, Caught]:
    """Return how each mutant is found."""
    before = [baseline(whole, Phone)]
    return {m.mistake: verdict(m, [Phone], before).caught for m in mutants(whole)}


def test_each_mistake_that_matters_is_found_in_its_way() -> None:
    found = verdicts(SMALL)
    assert found["door: on Knock, reaction 2 is gone"] is Caught.REFUSED
    assert found["door: after out is gone"] is Caught.REFUSED
    assert found["door: after out is 0 s"] is Caught.DIFFERENT
    assert found["door: after out is never"] is Caught.DIFFERENT
    assert found["door: after out, its reaction leads to bye"] is Caught.DIFFERENT
    assert found["door: on Knock, reaction 1 leads to bye"] is Caught.DIFFERENT
    assert found["door: on Knock, reaction 2 without count"] is Caught.DIFFERENT
    assert found["door: on Knock, reaction 2 without StopPlayback"] is Caught.DIFFERENT
    assert found["door: on exit, no StopPlayback"] is Caught.DIFFERENT
    assert found["bye: on entry, no HangUpLine"] is Caught.BROKEN


def test_a_timer_of_0_s_has_no_mutant_of_0_s() -> None:
    whole = chart(state("door", after={"out": (0, to("waiting"))}), WAITING)
    timers = [m.mistake for m in mutants(whole) if m.mistake.startswith("door: after out is")]
    assert timers == ["door: after out is gone", "door: after out is never"]


def test_a_mutant_with_many_more_nodes_is_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = next(
        m for m in mutants(SMALL) if m.mistake == "door: on Knock, reaction 2 without count"
    )
    before = [baseline(SMALL, Phone)]
    monkeypatch.setattr("callchart.engine.exploration.verdict.MORE_NODES", 1 - len(before[0].nodes))
    found = verdict(gone, [Phone], before)
    assert found.caught is Caught.DIFFERENT
    assert found.how.startswith("calls reach more than ")


def test_mistakes_that_do_not_matter_survive() -> None:
    survivors = {m for m, how in verdicts(SMALL).items() if how is Caught.SURVIVED}
    # This chart has no late event, and no event of a state that was left.
    assert survivors == {"stale events are acted on", "late events are acted on"}


def test_a_removed_timer_of_the_whole_call_is_found_as_unexplored() -> None:
    patient = State("patient", after={"out": (5, to("bye"))})
    call = state("call", children=[patient], after={"longest": (100, to("bye"))})
    whole = chart(call)
    gone = next(m for m in mutants(whole) if m.mistake == "call: after longest is gone")
    # The timer may fire at any moment, so only the unused reaction shows that it is gone.
    assert verdict(gone, [Phone], [baseline(whole, Phone)]) == Verdict(
        Caught.UNEXPLORED, "call, after call longest"
    )


def test_a_stale_event_that_is_acted_on_breaks_a_property() -> None:
    replying = state(
        "replying", activity="reply", on={ReplyReady: ignore("")}, after={"out": (5, to("bye"))}
    )
    whole = chart(replying, events=[ReplyReady])
    stale = next(mutants(whole))
    assert stale.mistake == "stale events are acted on"
    assert verdict(stale, [Phone], [baseline(whole, Phone)]) == Verdict(
        Caught.BROKEN,
        "no event of a state that was left is acted on: "
        "ReplyReady of a state that was left was ignored",
        ("the first sound, after its cancellation",),
    )


def uncounted(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    knocks = isinstance(step.event, Knock) and step.outcome is Outcome.STAYED
    return "a knock is lost" if knocks and not step.data.knocks else None


def minding(whole: Chart) -> Phone:
    return Phone(whole, more_properties=[Property("knocks are counted", uncounted)])


def test_a_property_that_another_environment_breaks_is_reported_instead_of_a_difference() -> None:
    before = [baseline(SMALL, Phone)]
    forgetful = next(m for m in mutants(SMALL) if m.mistake.endswith("without count"))
    different = verdict(forgetful, [Phone], before)
    assert different == Verdict(Caught.DIFFERENT, "stayed, not taken", ("Knock()",) * 3)
    assert verdict(forgetful, [Phone, Phone], before * 2) == different
    broken = Verdict(Caught.BROKEN, "knocks are counted: a knock is lost", ("Knock()",))
    assert verdict(forgetful, [Phone, minding], before * 2) == broken
