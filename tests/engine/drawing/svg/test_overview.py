"""The overview of a chart: its main states and the transitions between them."""

from __future__ import annotations

from itertools import pairwise

from callchart.engine.chart import Chart, State, to
from callchart.engine.drawing.model import Diagram, diagram_of
from callchart.engine.drawing.svg.overview import overview_labels, overview_of
from callchart.states import CHART
from tests.examples.take_message import CHART as MESSAGES


def arrows(diagram: Diagram) -> set[tuple[str, str]]:
    """Return the source and target of each transition, by their short names."""
    return {(diagram.name(r.source), diagram.name(r.target or "")) for r in diagram.transitions}


def line(*names: str, overview: tuple[str, ...] = ()) -> Chart:
    """Return a chart in which each state leads to the next."""
    states = [State(a, after={f"from_{a}": (1, to(b))}) for a, b in pairwise(names)]
    return Chart("line", [*states, State(names[-1], final=True)], events=[], overview=overview)


def test_the_default_chart_has_an_overview_of_six_boxes_in_the_frame_of_the_call() -> None:
    small = overview_of(diagram_of(CHART))
    assert [small.name(path) for path in small.leaves] == [
        "greeting",
        "thinking",
        "speaking",
        "barged_in",
        "listening",
        "hangup",
    ]
    assert [small.name(path) for path in small.frames] == ["call"]
    assert {("listening", "thinking"), ("speaking", "barged_in"), ("call", "hangup")} <= arrows(
        small
    )


def test_a_transition_of_the_overview_passes_through_states_that_it_omits() -> None:
    small = overview_of(diagram_of(line("a", "b", "c", "d", overview=("a", "d"))))
    assert [(r.source, r.target, r.trigger) for r in small.transitions] == [("a", "d", "from_a")]


def test_a_chart_without_an_overview_of_its_own_shows_its_blocks() -> None:
    small = overview_of(diagram_of(line("a", "b", "c")))
    assert arrows(small) == {("a", "b"), ("b", "c")}


def test_an_extended_chart_adds_its_own_states() -> None:
    small = overview_of(diagram_of(MESSAGES))
    assert "take_message" in [small.name(path) for path in small.leaves]
    assert ("take_message", "speaking") in arrows(small)


def test_a_label_has_two_lines_and_counts_the_triggers_it_omits() -> None:
    small = overview_of(diagram_of(CHART))
    ended = [r for r in small.transitions if (r.source, r.target) == ("call", "hangup")]
    ((first, rest),) = overview_labels(small, ended)
    assert first.text == "CallerHungUp"
    assert (rest.guard, rest.events) == ("and 2 more", ("LineClosed", "CallTransferred"))
