"""The colours of states: fixed by the chart, and kept where a chart is extended."""

from __future__ import annotations

from callchart.engine.drawing.model import diagram_of
from callchart.engine.drawing.palette import ADDED_SHADES, FRAME, SHADES, palette_of
from callchart.states import CHART
from tests.examples.take_message import CHART as MESSAGES

PALETTE = palette_of(diagram_of(CHART))
EXTENDED = palette_of(diagram_of(MESSAGES))
AGAIN = palette_of(diagram_of(MESSAGES.extended("once more")))


def test_each_block_has_a_shade_which_the_states_inside_share() -> None:
    diagram = diagram_of(CHART)
    assert [PALETTE[block] for block in diagram.blocks] == list(SHADES[: len(diagram.blocks)])
    assert PALETTE["call.turn.speaking.chunks"] == PALETTE["call.turn.speaking"]
    assert {PALETTE[frame] for frame in diagram.frames} == {FRAME}


def test_an_extended_chart_keeps_the_shades_of_its_base() -> None:
    assert {path: EXTENDED[path] for path in PALETTE} == PALETTE
    assert AGAIN == EXTENDED


def test_an_added_state_has_a_shade_of_its_own() -> None:
    assert EXTENDED["call.turn.take_message.taking"] == ADDED_SHADES[0]
    assert EXTENDED["call.turn.take_message"] not in PALETTE.values()


def test_every_shade_is_different() -> None:
    shades = [FRAME, *SHADES, *ADDED_SHADES]
    assert len({shade.line for shade in shades}) == len({s.fill for s in shades}) == len(shades)
