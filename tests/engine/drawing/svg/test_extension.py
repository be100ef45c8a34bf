"""An extended chart: the layout of its base, with the additions around it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from callchart.engine.chart import Chart, State, to
from callchart.engine.drawing.model import diagram_of
from callchart.engine.drawing.svg.extension import SIDES, Side, extended
from callchart.engine.drawing.svg.placement import Gaps, Placement, frame_title_width
from callchart.engine.drawing.svg.whole_chart import EDGE, GAPS, laid_out

NAMES = ["one", "two", "three", "four", "five", "six"]


def base_chart() -> Chart:
    """Return a frame around six states in a row, and the end."""
    states = [State(a, after={f"to_{b}": (1, to(b))}) for a, b in pairwise(NAMES)]
    states.append(State(NAMES[-1], after={"back": (1, to(NAMES[0]))}))
    frame = State("all", children=states, after={"limit": (9, to("end"))})
    return Chart("base", [frame, State("end", final=True)], events=[])


BASE = base_chart()
MORE = [
    State("alpha", after={"on": (1, to("beta"))}),
    State("beta", after={"on": (1, to("one"))}),
]
OWN = BASE.extended(
    "own",
    add={"all": MORE},
    after={"two": {"aside": (5, to("alpha"))}, "three": {"later": (5, to("alpha"))}},
)
LAID = laid_out(diagram_of(BASE))


def places(placement: Placement) -> dict[str, tuple[float, float]]:
    return {path: (block.rect.x, block.rect.y) for path, block in placement.blocks.items()}


def test_the_states_of_the_base_keep_their_places() -> None:
    own = laid_out(diagram_of(OWN))
    assert own.complete
    kept = places(own.placement)
    first = places(LAID.placement)
    assert {path: kept[path] for path in first if path != "end"} == {
        path: place for path, place in first.items() if path != "end"
    }


@pytest.mark.parametrize("side", SIDES)
def test_additions_stand_in_their_frame_and_apart_from_all_others(side: Side) -> None:
    gaps = Gaps(*GAPS[LAID.step], EDGE)
    placement = extended(diagram_of(OWN), LAID.placement, gaps, side)
    if placement is None:
        assert side == "corner"
        return
    frame = placement.frames["all"]
    for path in ("all.alpha", "all.beta"):
        rect = placement.blocks[path].rect
        assert frame.holds(rect)
        for other, block in placement.blocks.items():
            assert other == path or not rect.grown(10).overlaps(block.rect), other
    assert not frame.overlaps(placement.blocks["end"].rect)
    assert placement.width >= frame.right
    assert placement.height >= frame.bottom


def test_an_extended_chart_may_be_extended_again() -> None:
    third = OWN.extended(
        "third",
        add={"alpha": [State("inner", after={"out": (1, to("end"))})]},
        after={"six": {"long": (7, to("alpha"))}},
    )
    own = laid_out(diagram_of(third))
    assert own.complete
    assert places(own.placement).keys() == places(laid_out(diagram_of(OWN)).placement).keys()


def test_a_frame_grows_for_a_longer_title() -> None:
    timers = {f"a_very_long_name_of_a_timer_{n}": (50, to("end")) for n in range(5)}
    own = laid_out(diagram_of(BASE.extended("titled", after={"all": timers})))
    title = frame_title_width(diagram_of(BASE.extended("titled", after={"all": timers})), "all")
    assert LAID.placement.frames["all"].w < title <= own.placement.frames["all"].w


def test_a_larger_gap_keeps_the_additions() -> None:
    own = laid_out(diagram_of(OWN))
    wide = own.arrangement(Gaps(260, 160, EDGE))
    assert places(wide).keys() == places(own.placement).keys()
    assert wide.width > own.placement.width
