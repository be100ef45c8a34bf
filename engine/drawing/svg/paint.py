"""States, labels and the legend, painted on a canvas.

The groups have attributes, by which a page finds them:

- `data-state`: the full name of a state.
- `data-edge`: "SOURCE->TARGET", the states at the ends of an arrow as it is drawn. An arrow and its
  label may be two groups with the same value.
- `data-reactions`: the ids of the arrow's reactions (`DrawnReaction.id`), separated by spaces.
- `data-event`: the events of a line of a label (`DrawnReaction.event`), separated by spaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from callchart.engine.drawing.model import Diagram, DrawnReaction
from callchart.engine.drawing.palette import GREY, INK, PAPER, WHITE, Palette
from callchart.engine.drawing.svg.block import Block
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.labels import Line
from callchart.engine.drawing.svg.shapes import ICON, PAD, Rect
from callchart.engine.drawing.svg.text import LINE, TITLE, text_width

LEGEND = (
    "where the call begins, or the initial state",
    "runs as long as the state lasts",
    "fires after this time in the state",
    "leaves the state and enters it again",
    "belongs to the arrow that goes down, up",
    "[only if]  […]: guards, see the state's own picture",
)
LEGEND_SIZE = (max(2 * ICON + 2 + text_width(line) for line in LEGEND), LINE * len(LEGEND))


def edge_data(pair: tuple[str, str], reactions: Iterable[DrawnReaction]) -> dict[str, str]:
    """Return the data attributes of an arrow."""
    return {"edge": "->".join(pair), "reactions": " ".join(r.id for r in reactions)}


def paint_line(canvas: Canvas, x: float, y: float, line: Line, colour: str) -> None:
    """Write one line of a label, with its baseline at `y`."""
    with canvas.group(event=" ".join(line.events)):
        if line.way:
            (canvas.down if line.way == "down" else canvas.up)(x, y, colour)
            x += ICON
        if line.timed:
            canvas.clock(x, y, colour)
            x += ICON
        spans = [(line.text, colour, False)] if line.text else []
        canvas.spans(x, y, [*spans, (line.guard, GREY, True)] if line.guard else spans)


def paint_label(
    canvas: Canvas, rect: Rect, lines: Sequence[Line], colour: str, ground: str = PAPER
) -> None:
    """Write a label on a rectangle of the colour `ground`, which hides an arrow behind it."""
    canvas.rect(rect.grown(1), fill=ground, rounded=3)
    for n, line in enumerate(lines):
        paint_line(canvas, rect.x, rect.y + LINE * n + 11, line, colour)


def paint_legend(canvas: Canvas, x: float, y: float) -> None:
    """Write the legend of the icons, in a rectangle of `LEGEND_SIZE`."""
    y += 11
    canvas.dot(x + 5, y - 4, 3.5)
    for n, sign in enumerate((canvas.runs, canvas.clock, canvas.loop, canvas.down), 1):
        sign(x, y + LINE * n, GREY)
    canvas.up(x + ICON, y + LINE * 4, GREY)
    for n, text in enumerate(LEGEND):
        left = x + (0 if n == 5 else ICON + 2 + (ICON if n == 4 else 0))
        canvas.text(left, y + LINE * n, text, fill=GREY, italic=n == 5)


def paint_block(
    canvas: Canvas, diagram: Diagram, block: Block, palette: Palette, *, depth: int = 0
) -> None:
    """Paint a state, and the states inside it, at `block.rect`."""
    state, r, shade = diagram.states[block.path], block.rect, palette[block.path]
    compound = bool(block.children)
    # A state that was added inside a block has a different background.
    is_foreign = state.parent is not None and palette[state.parent] != shade
    leaf_fill = shade.fill if not depth or is_foreign else WHITE
    with canvas.group(state=block.path):
        canvas.rect(
            r,
            fill=shade.body if compound else leaf_fill,
            stroke=shade.line,
            width=1 if depth else 1.3,
            stroke_opacity=0.55 if depth else 1,
        )
        if compound and not depth:
            canvas.shape(
                f"M{r.x:g} {r.y + block.head:g} v{7 - block.head:g} q0 -7 7 -7 "
                f"h{r.w - 14:g} q7 0 7 7 v{block.head - 7:g} z",
                shade.fill,
                shade.line,
            )
        if state.final:
            canvas.bullseye(r.right - PAD - 4, r.y + 15)
        canvas.text(
            r.x + PAD,
            r.y + 17,
            state.title,
            size=12 if depth else TITLE,
            bold=True,
            fill=INK if depth else shade.line,
        )
        if state.activity:
            x = r.right - PAD - text_width(state.activity)
            canvas.runs(x - ICON, r.y + 17, shade.line)
            canvas.text(x, r.y + 17, state.activity, fill=shade.line)
        y = r.y + 34
        for text in state.summary:
            canvas.text(r.x + PAD, y, text)
            y += LINE
        for timer in block.timers:
            canvas.clock(r.x + PAD, y, shade.line)
            canvas.text(r.x + PAD + ICON, y, timer.short)
            y += LINE
        if block.again:
            with canvas.group(**edge_data((block.path, block.path), block.returns)):
                for again in block.again:
                    canvas.loop(r.x + PAD, y, shade.line)
                    paint_line(canvas, r.x + PAD + ICON, y, again, INK)
                    y += LINE
        paint_inside(canvas, diagram, block, palette, depth=depth)


def paint_inside(
    canvas: Canvas, diagram: Diagram, block: Block, palette: Palette, *, depth: int = 0
) -> None:
    """Paint the children of a block and the arrows between them."""
    r = block.rect
    if block.start:
        x, top = r.x + block.start[0], r.y + block.start[1]
        canvas.dot(x, top - 13, 3.5)
        canvas.arrow([(x, top - 10), (x, top)], INK, width=1.2)
    for child in block.children:
        paint_block(canvas, diagram, child.moved(r.x, r.y), palette, depth=depth + 1)
    for link in block.links:
        colour = palette[link.pair[0]].line
        with canvas.group(**edge_data(link.pair, link.reactions)):
            canvas.arrow([(r.x + x, r.y + y) for x, y in link.points], colour, width=1.2)
            for n, text in enumerate(link.lines):
                y = r.y + link.label.y + LINE * n + 11
                paint_line(canvas, r.x + link.label.x, y, text, colour)
