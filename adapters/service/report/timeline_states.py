"""The states in a row of a timeline, in two storeys: groups above, the states in them below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from callchart.adapters.service.report.report import Report, Visit
from callchart.adapters.service.report.timeline_axis import Axis
from callchart.adapters.service.report.timeline_style import INK, NAMES, SMALL
from callchart.engine.drawing.palette import Palette
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.shapes import Rect
from callchart.engine.drawing.svg.text import text_width

_GROUP_HEIGHT, _LEAF_HEIGHT = 19, 15
#: The height of both storeys.
STATES_HEIGHT: Final = _GROUP_HEIGHT + _LEAF_HEIGHT


@dataclass(frozen=True, slots=True)
class _Stay:
    """The time from one change of state to the next. Of `speaking.chunks`, `group` is speaking and
    `leaf` chunks."""

    group: str
    leaf: str
    visit: Visit
    ended: float


def _stays(report: Report) -> Iterator[_Stay]:
    ends = [*(visit.at for visit in report.states[1:]), report.duration]
    for visit, ended in zip(report.states, ends, strict=False):
        if ended > visit.at:
            group, *below = visit.name.split(".")
            yield _Stay(group, below[-1] if below else "", visit, ended)


def colours_of(report: Report, palette: Palette) -> dict[str, str]:
    """Return the colour of each group of states in the call, in the order of their first visits."""
    colours: dict[str, str] = {}
    for stay in _stays(report):
        colours.setdefault(stay.group, _group_colour(stay, palette))
    return colours


def _group_colour(stay: _Stay, palette: Palette) -> str:
    """Return the colour of the state that has the group's name."""
    lineage = stay.visit.state.split(".")
    path = ".".join(lineage[: lineage.index(stay.group) + 1])
    return palette[path].fill


def draw_states(canvas: Canvas, report: Report, palette: Palette, axis: Axis, top: float) -> None:
    """Draw the states of this row below `top`. Each has its full name and times as a tooltip."""
    stays = [stay for stay in _stays(report) if axis.part(stay.visit.at, stay.ended)]
    for group, together in groupby(stays, key=lambda stay: stay.group):
        members = list(together)
        began, ended = members[0].visit.at, members[-1].ended
        colour = _group_colour(members[0], palette)
        title = f"{group}, {began:.3f} s to {ended:.3f} s"
        box = _box(axis, began, ended, top, _GROUP_HEIGHT)
        _draw_box(canvas, box, group, colour, title, NAMES, opacity=1)
        for stay in members:
            visit = stay.visit
            colour = palette[visit.state].fill
            title = f"{visit.state}, {visit.at:.3f} s to {stay.ended:.3f} s, by {visit.event}"
            box = _box(axis, visit.at, stay.ended, top + _GROUP_HEIGHT, _LEAF_HEIGHT)
            _draw_box(canvas, box, stay.leaf, colour, title, SMALL, opacity=0.55)


def _box(axis: Axis, began: float, ended: float, top: float, height: float) -> Rect:
    x, end = axis.x(began), axis.x(ended)
    # Leave a thin gap between two states that are wide enough for it.
    width = max(0.6, end - x - (1 if end - x > 3 else 0))
    return Rect(x, top, width, height - 1)


def _draw_box(
    canvas: Canvas, box: Rect, label: str, colour: str, title: str, size: float, *, opacity: float
) -> None:
    canvas.rect(box, fill=colour, rounded=0, opacity=opacity, title=title, kind="state")
    if label and text_width(label, size) + 4 <= box.w:
        y = box.bottom - 4
        canvas.text(box.x + 3, y, label, size=size, fill=INK, kind="state")
