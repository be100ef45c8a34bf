"""Tools and keys in a row of a timeline: a bar with the tool's name, a mark with the digit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from callchart.adapters.service.report.report import Key, Report, ToolUse
from callchart.adapters.service.report.timeline_axis import Axis
from callchart.adapters.service.report.timeline_style import (
    CALLER_COLOUR,
    CARD,
    INK,
    LEFT,
    NAMES,
    SMALL,
    TOOL_COLOUR,
    WORDS_RIGHT,
)
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.shapes import Rect
from callchart.engine.drawing.svg.text import cut_to, text_width

#: The height of a lane of tools: the name, and the bar below it.
TOOL_HEIGHT: Final = 20

_BAR_HEIGHT, _BAR_LEAST = 4, 2.5
_KEY_HEIGHT, _KEY_PADDING = 16, 3
#: The least room between two marks of one lane.
_GAP: Final = 4


@dataclass(frozen=True, slots=True)
class PlacedTool:
    """A tool in its row: the bar, and the name above it, in CSS px."""

    label: str
    title: str
    label_x: float
    bar_x: float
    bar_width: float

    @property
    def ends(self) -> float:
        return max(self.label_x + text_width(self.label, SMALL), self.bar_x + self.bar_width)


def tool_lanes(report: Report, axis: Axis) -> list[list[PlacedTool]]:
    """Return the tools of this row in lanes without overlaps.

    A tool without a known begin has a bar at its end. A tool without a known end has a bar to the
    end of the call."""
    lanes: list[list[PlacedTool]] = []
    placed = [p for tool in report.tools if (p := _placed(tool, report.duration, axis))]
    for tool in sorted(placed, key=lambda tool: tool.label_x):
        free = (lane for lane in lanes if lane[-1].ends + _GAP <= tool.label_x)
        if (lane := next(free, None)) is None:
            lanes.append(lane := [])
        lane.append(tool)
    return lanes


def _placed(tool: ToolUse, duration: float, axis: Axis) -> PlacedTool | None:
    ended = duration if tool.ended is None else tool.ended
    began = ended if tool.began is None else tool.began
    if not (axis.part(began, ended) or (began == ended and axis.has(began))):
        return None
    x, end = axis.x(began), axis.x(ended)
    label = cut_to(tool.name, SMALL, WORDS_RIGHT - LEFT)
    label_x = min(x, WORDS_RIGHT - text_width(label, SMALL))
    if tool.began is None:
        title = f"{tool.name}, ended at {ended:.3f} s"
    elif tool.ended is None:
        title = f"{tool.name}, from {began:.3f} s, not ended"
    else:
        title = f"{tool.name}, {began:.3f} s to {ended:.3f} s"
    return PlacedTool(label, title, label_x, x, max(_BAR_LEAST, end - x))


def draw_tools(canvas: Canvas, lanes: Sequence[Sequence[PlacedTool]], top: float) -> None:
    """Draw the lanes below `top`."""
    for number, lane in enumerate(lanes):
        y = top + number * TOOL_HEIGHT
        for tool in lane:
            canvas.text(tool.label_x, y + 10, tool.label, size=SMALL, fill=INK, kind="tool")
            canvas.rect(
                Rect(tool.bar_x, y + 13, tool.bar_width, _BAR_HEIGHT),
                fill=TOOL_COLOUR,
                rounded=1.5,
                title=tool.title,
                kind="tool",
            )


@dataclass(frozen=True, slots=True)
class _Mark:
    """Keys that share one mark, because their own marks would overlap."""

    keys: tuple[Key, ...]
    axis: Axis

    @property
    def label(self) -> str:
        return cut_to("".join(key.digit for key in self.keys), NAMES, WORDS_RIGHT - LEFT)

    @property
    def width(self) -> float:
        return text_width(self.label, NAMES) + 2 * _KEY_PADDING

    @property
    def x(self) -> float:
        return min(self.axis.x(self.keys[0].at) - _KEY_PADDING, WORDS_RIGHT - self.width)


def _marks(keys: Iterable[Key], axis: Axis) -> list[_Mark]:
    marks: list[_Mark] = []
    for key in keys:
        if not axis.has(key.at):
            continue
        mark = _Mark((key,), axis)
        while marks and marks[-1].x + marks[-1].width + _GAP > mark.x:
            mark = _Mark((*marks.pop().keys, *mark.keys), axis)
        marks.append(mark)
    return marks


def draw_keys(canvas: Canvas, keys: Iterable[Key], axis: Axis, y: float) -> None:
    """Draw the keys of this row, centred on the line `y`."""
    for mark in _marks(keys, axis):
        moments = ", ".join(f"{key.digit} at {key.at:.3f} s" for key in mark.keys)
        canvas.rect(
            Rect(mark.x, y - _KEY_HEIGHT / 2, mark.width, _KEY_HEIGHT),
            fill=CARD,
            stroke=CALLER_COLOUR,
            rounded=3,
            title=f"keys: {moments}",
            kind="key",
        )
        canvas.text(
            mark.x + _KEY_PADDING, y + 4, mark.label, size=NAMES, fill=CALLER_COLOUR, kind="key"
        )
