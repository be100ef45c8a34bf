"""One row of a timeline: the part of a call between two moments.

From the top: the time, the caller's words, sound and keys, the agent's sound and words, the tools,
the states, and the notes about latency and interruptions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from callchart.adapters.service.report.report import Report
from callchart.adapters.service.report.timeline_axis import Axis
from callchart.adapters.service.report.timeline_brackets import (
    NOTE_HEIGHT,
    draw_notes,
    note_lanes,
)
from callchart.adapters.service.report.timeline_marks import TOOL_HEIGHT, draw_tools, tool_lanes
from callchart.adapters.service.report.timeline_sound import TRACK, Track
from callchart.adapters.service.report.timeline_states import STATES_HEIGHT, draw_states
from callchart.adapters.service.report.timeline_style import (
    EDGE,
    FAINT,
    GRID,
    LEFT,
    MARGIN,
    NAMES,
    RIGHT,
)
from callchart.engine.drawing.palette import Palette
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.text import text_width

# The offsets from the top of a row. Tools move states and notes down.
_AXIS, _CALLER_WORDS, _CALLER, _AGENT, _AGENT_WORDS = 12, 34, 79, 129, 170
_TOOLS, _STATES, _NOTES = 191, 196, 249


class Row:
    """One row, drawn below `top`. `axis` is its part of the call."""

    def __init__(
        self, canvas: Canvas, report: Report, palette: Palette, axis: Axis, top: float
    ) -> None:
        self._canvas, self._report, self._palette = canvas, report, palette
        self._axis, self._top = axis, top
        self._tools, self._notes = tool_lanes(report, axis), note_lanes(report, axis)
        tools_height = len(self._tools) * TOOL_HEIGHT
        self._states_top = top + tools_height + _STATES
        self._states_bottom = self._states_top + STATES_HEIGHT
        self._notes_top = top + tools_height + _NOTES

    def draw(self, caller: Sequence[float], agent: Sequence[float]) -> float:
        """Draw the row with the loudness of both sides, and return its height."""
        canvas, axis, top = self._canvas, self._axis, self._top
        self._draw_time()
        for y in (_CALLER, _AGENT):
            line = f"M{LEFT} {top + y:.1f}H{axis.x(axis.ended):.1f}"
            canvas.path(line, EDGE, 1)
        self._draw_names()
        track = Track(canvas, axis, caller, top + _CALLER, top + _CALLER_WORDS)
        track.draw_caller(self._report)
        track = Track(canvas, axis, agent, top + _AGENT, top + _AGENT_WORDS)
        track.draw_agent(self._report.turns)
        draw_tools(canvas, self._tools, top + _TOOLS)
        draw_states(canvas, self._report, self._palette, axis, self._states_top)
        # The dashed lines have a gap between sound and states, where words may be.
        sound = (top + _CALLER - TRACK / 2, top + _AGENT + TRACK / 2)
        guides = (sound, (self._states_bottom, math.inf))
        draw_notes(canvas, self._notes, axis, self._notes_top, guides)
        return self._notes_top - top + (len(self._notes) * NOTE_HEIGHT if self._notes else -12)

    def _draw_names(self) -> None:
        names = {"caller": self._top + _CALLER, "agent": self._top + _AGENT}
        if self._tools:
            names["tools"] = self._top + _TOOLS + 8
        names["states"] = self._states_top + 9
        if self._notes:
            names["latency"] = self._notes_top
        for name, y in names.items():
            self._canvas.text(MARGIN, y + 4, name, size=NAMES, fill=FAINT, bold=True)

    def _draw_time(self) -> None:
        for second in range(math.ceil(self._axis.began), int(self._axis.ended) + 1):
            x = self._axis.x(second)
            top, bottom = self._top + _AXIS + 8, self._states_bottom
            self._canvas.path(f"M{x:.1f} {top:.1f}V{bottom:.1f}", GRID, 1)
            label = f"{second // 60}:{second % 60:02d}"
            if second % 2 == 0 and x + text_width(label, NAMES - 1) / 2 < RIGHT:
                x -= text_width(label, NAMES - 1) / 2 - 2
                y = self._top + _AXIS
                self._canvas.text(x, y, label, size=NAMES - 1, fill=FAINT, kind="time")
