"""The notes in a row of a timeline: brackets with their texts, in lanes without overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from callchart.adapters.service.report.report import Report
from callchart.adapters.service.report.timeline_axis import Axis
from callchart.adapters.service.report.timeline_notes import Note, notes
from callchart.adapters.service.report.timeline_style import CARD, LEFT, NAMES, WORDS_RIGHT
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.shapes import Rect
from callchart.engine.drawing.svg.text import text_width

#: The height of a lane of notes.
NOTE_HEIGHT: Final = 20


@dataclass(frozen=True, slots=True)
class PlacedNote:
    """A note in its row, from `begins` to `ends` (CSS px), the text included.

    `before`: the text is before the bracket, not after it."""

    note: Note
    text: str
    begins: float
    ends: float
    before: bool


def note_lanes(report: Report, axis: Axis) -> list[list[PlacedNote]]:
    """Return the notes that end in this row, in lanes without overlaps."""
    lanes: list[list[PlacedNote]] = []
    for note in sorted(notes(report), key=lambda note: note.moments):
        if not axis.has(note.moments[-1]):
            continue
        placed = _placed(note, axis)
        free = (lane for lane in lanes if lane[-1].ends + 14 <= placed.begins)
        if (lane := next(free, None)) is None:
            lanes.append(lane := [])
        lane.append(placed)
    return lanes


def _placed(note: Note, axis: Axis) -> PlacedNote:
    """Return the note with its longest text that has room after the bracket or before it."""
    begin, end = axis.x(note.moments[0]), axis.x(note.moments[-1])
    for text in note.says:
        width = text_width(text, NAMES) + 9
        if end + width <= WORDS_RIGHT:
            return PlacedNote(note, text, begin, end + width, before=False)
        if begin - width >= LEFT:
            return PlacedNote(note, text, begin - width, end, before=True)
    return PlacedNote(note, "", begin, end, before=False)


def draw_notes(
    canvas: Canvas,
    lanes: Sequence[Sequence[PlacedNote]],
    axis: Axis,
    top: float,
    guides: Sequence[tuple[float, float]],
) -> None:
    """Draw the lanes below `top`.

    `guides` are the tops and bottoms of dashed lines that lead down to each bracket."""
    placed = [
        (each, top + number * NOTE_HEIGHT) for number, lane in enumerate(lanes) for each in lane
    ]
    for each, y in placed:
        _draw_bracket(canvas, each.note, axis, y, guides)
    for each, y in placed:
        if each.text:
            _draw_text(canvas, each, y)


def _draw_bracket(
    canvas: Canvas, note: Note, axis: Axis, y: float, guides: Sequence[tuple[float, float]]
) -> None:
    places = [axis.x(moment) for moment in note.moments]
    ticks = "".join(f"M{place:.1f} {y - 4:.1f}v8" for place in places)
    canvas.path(f"{ticks}M{places[0]:.1f} {y:.1f}H{places[-1]:.1f}", note.colour, 1.4)
    for top, bottom in guides:
        end = min(bottom, y - 5)
        dashes = "".join(f"M{x:.1f} {top:.1f}V{end:.1f}" for x in (places[0], places[-1]))
        canvas.path(dashes, note.colour, 0.7, more=' stroke-dasharray="2 3"')


def _draw_text(canvas: Canvas, placed: PlacedNote, y: float) -> None:
    width = text_width(placed.text, NAMES)
    x = placed.begins if placed.before else placed.ends - width
    # A dashed line of a lane below may pass here: cover it.
    canvas.rect(Rect(x - 3, y - 8, width + 4, 16), fill=CARD, rounded=0)
    canvas.text(
        x + width if placed.before else x,
        y + 4,
        placed.text,
        size=NAMES,
        fill=placed.note.colour,
        kind="note",
        anchor="end" if placed.before else "start",
    )
