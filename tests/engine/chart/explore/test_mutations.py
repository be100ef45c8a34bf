"""Mistakes in a small chart, and how an exploration finds each of them."""

from __future__ import annotations

from engine.chart import Chart, stay, to
from engine.chart.explore import Exploration
from engine.chart.explore.mutations import Caught, Portrait, mutants, verdict
from engine.data import CallData
from engine.effects import StopPlayback
from engine.events import Event
from engine.world import Phone
from tests.engine.chart.explore.charts import WAITING, Counted, Knock, chart, count, state


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


def verdicts(whole: Chart) -> dict[str, Caught]:
    """How each of its mutants is found."""
    exploration = Exploration(whole, Phone(whole))
    for _ in exploration.run():
        pass
    usual = [Portrait.of(exploration)]
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
