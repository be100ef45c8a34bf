"""One state as a picture: from left to right, the states before it, the state, the states after it.

The picture of a leaf shows every reaction that is tried in it: its own, then in grey those of its
parents. The picture of a compound state shows its own reactions, and the arrows of the states
inside that cross its border.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from callchart.engine.drawing.model import Diagram, DrawnReaction
from callchart.engine.drawing.palette import GREY, INK, Palette, Shade, palette_of
from callchart.engine.drawing.svg.block import Block, block_of
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.paint import edge_data, paint_inside
from callchart.engine.drawing.svg.shapes import ICON, PAD, Rect
from callchart.engine.drawing.svg.text import SMALL, TITLE, broken, text_width

MARGIN, LINE, GROUP_GAP, CORRIDOR = 20.0, 15.0, 16.0, 34.0
#: The greatest width of a line in the middle, and at the sides.
MIDDLE, SIDE = 330.0, 340.0


@dataclass(frozen=True, slots=True)
class Span:
    """Words in one colour, upright or italic."""

    text: str
    fill: str = INK
    italic: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text, with an indent, and a sign before it ("clock", "runs" or "").

    `grey` marks a line about a parent of a leaf. `events` are the names in `data-event`."""

    spans: tuple[Span, ...]
    sign: str = ""
    indent: float = 0.0
    grey: bool = False
    events: tuple[str, ...] = ()

    @property
    def width(self) -> float:
        """The width with indent and sign."""
        words = " ".join(span.text for span in self.spans)
        return self.indent + (ICON if self.sign else 0) + text_width(words)


@dataclass(frozen=True, slots=True)
class Group:
    """The arrow between this state and another one; `path` is None for the beginning of a call."""

    path: str | None
    rows: tuple[Row, ...]
    reactions: tuple[DrawnReaction, ...] = ()

    @property
    def grey(self) -> bool:
        """True if all its reactions belong to parents."""
        return all(row.grey for row in self.rows)

    @property
    def height(self) -> float:
        """The height of the box and of the rows next to it."""
        return max(LINE * len(self.rows) + 10, 30.0)


@dataclass(frozen=True, slots=True)
class StateDiagram:
    """The layout of the picture of one state.

    `entered` are the arrows from the states before it, `left` those to the states after it. In the
    middle, `rows` are the lines at the top, and `internal` the reactions that change no state."""

    diagram: Diagram
    path: str
    entered: tuple[Group, ...]
    left: tuple[Group, ...]
    rows: tuple[Row, ...]
    inside: Block | None
    internal: tuple[Row, ...]

    @property
    def columns(self) -> tuple[float, float, float, float, float]:
        """The widths from left to right: boxes, labels, the middle, labels, boxes."""
        middle = [row.width for row in (*self.rows, *self.internal)]
        middle.append(self._title_width())
        if self.inside:
            middle.append(self.inside.rect.w - 2 * PAD)
        return (
            self._boxes(self.entered),
            self._labels(self.entered),
            max(*middle, 180.0) + 2 * PAD + 4,
            self._labels(self.left),
            self._boxes(self.left),
        )

    @property
    def height(self) -> float:
        """The height of the middle, which is at least that of the two sides."""
        own = 30 + 10 + LINE * len(self.rows) + 8
        if self.inside:
            own += self.inside.rect.h - self.inside.head + 4
        if self.internal:
            own += 14 + LINE * len(self.internal)
        sides = (
            sum(group.height + GROUP_GAP for group in side) + 20
            for side in (self.entered, self.left)
        )
        return max(own, *sides, 90.0)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the picture."""
        return sum(self.columns) + 2 * MARGIN, self.height + 2 * MARGIN

    def _title_width(self) -> float:
        state = self.diagram.states[self.path]
        activity = ICON + text_width(state.activity) + 16 if state.activity else 0.0
        final = 24.0 if state.final else 0.0
        return text_width(state.title, TITLE + 2, bold=True) + activity + final

    def _boxes(self, side: Sequence[Group]) -> float:
        names = [text_width(self.diagram.name(g.path), 12, bold=True) for g in side if g.path]
        return max(names) + 2 * PAD if names else 14.0 if side else 0.0

    @staticmethod
    def _labels(side: Sequence[Group]) -> float:
        return max((row.width for group in side for row in group.rows), default=0.0) + (
            CORRIDOR if side else 0.0
        )


def state_diagram_of(diagram: Diagram, path: str) -> StateDiagram:
    """Return the layout of the picture of a state."""
    state = diagram.states[path]
    leaf = not state.children
    entering = [r for r in diagram.transitions if _enters(diagram, path, r)]
    if leaf:
        tried = [r for given in diagram.in_leaf[path].values() for r in given]
        # `sort` is stable: reactions to one trigger stay in the order in which they are tried.
        tried.sort(key=lambda r: r.source != path)
        leaving = [r for r in tried if r.kind == "to"]
        internal = [r for r in tried if r.kind != "to"]
    else:
        leaving = [
            r
            for r in diagram.transitions
            if diagram.within(r.source, path)
            and r.target is not None
            and (r.target == path or not diagram.within(r.target, path))
        ]
        internal = [r for r in diagram.reactions if r.source == path and r.kind != "to"]
        # Arrows from the compound state to a state inside appear on both sides.
        leaving += [
            r
            for r in diagram.transitions
            if r.source == path and r.target not in (None, path) and r not in leaving
        ]
    entered = [
        Group(source, tuple(_entering_rows(diagram, rs, path)), tuple(rs))
        for source, rs in _by(entering, [r.source for r in entering])
    ]
    if path in diagram.lineage(diagram.beginning):
        entered.insert(0, Group(None, (Row((Span("the call begins", GREY),)),)))
    left = [
        Group(target, tuple(row for r in rs for row in _leaving_rows(diagram, r, path)), tuple(rs))
        for target, rs in _by(leaving, [r.target or "" for r in leaving])
    ]
    return StateDiagram(
        diagram,
        path,
        tuple(entered),
        tuple(left),
        tuple(_facts(diagram, path)),
        _inside(diagram, path),
        tuple(row for r in internal for row in _internal_rows(diagram, r, path)),
    )


def drawn(diagram: Diagram, path: str) -> str:
    """Return the picture, as SVG."""
    laid, palette = state_diagram_of(diagram, path), palette_of(diagram)
    width, height = laid.size
    canvas = Canvas(f"The state {path} of: {diagram.title}")
    boxes, labels, middle, _, right_boxes = laid.columns
    card = Rect(MARGIN + boxes + labels, MARGIN, middle, laid.height)
    _side(canvas, laid, palette, MARGIN, boxes, card.x, laid.entered, entering=True)
    right = width - MARGIN - right_boxes
    _side(canvas, laid, palette, right, right_boxes, card.right, laid.left, entering=False)
    with canvas.group(state=path):
        _middle(canvas, laid, card, palette)
    return canvas.finished(width, height)


def _by(
    reactions: Sequence[DrawnReaction], others: Sequence[str]
) -> list[tuple[str, list[DrawnReaction]]]:
    """Return the reactions grouped by the state at the other end."""
    found: dict[str, list[DrawnReaction]] = defaultdict(list)
    for reaction, other in zip(reactions, others, strict=True):
        found[other].append(reaction)
    return list(found.items())


def _enters(diagram: Diagram, path: str, r: DrawnReaction) -> bool:
    assert r.target is not None
    if diagram.states[path].children:
        inside = diagram.within(r.target, path)
        return inside and (r.target == path or not diagram.within(r.source, path))
    return diagram.entered_at(r.target) == path


def _trigger(r: DrawnReaction, fill: str = INK) -> list[Span]:
    spans = [Span(r.trigger, fill)]
    if r.condition:
        spans.append(Span(r.condition, GREY, italic=True))
    return spans


def _sign(r: DrawnReaction) -> str:
    return "clock" if r.timer else ""


def _entering_rows(diagram: Diagram, rs: Sequence[DrawnReaction], path: str) -> Iterable[Row]:
    """Yield a row for each trigger, with "[…]" for several guards."""
    alike: dict[tuple[str, str], list[DrawnReaction]] = defaultdict(list)
    for r in rs:
        alike[r.trigger, r.target or ""].append(r)
    for (trigger, target), several in alike.items():
        spans = _trigger(several[0])
        if len(several) > 1:
            spans = [Span(trigger), Span("[…]", GREY, italic=True)]
        # For a compound state, name the child that is entered.
        if target != path and diagram.states[path].children:
            spans.append(Span(f"to {diagram.name(target)}", GREY))
        events = tuple(dict.fromkeys(r.event for r in several))
        yield Row(tuple(spans), _sign(several[0]), events=events)


def _leaving_rows(diagram: Diagram, r: DrawnReaction, path: str) -> list[Row]:
    return _broken(_first_row(diagram, r, path), f"/ {r.action}" if r.action else "", SIDE)


def _first_row(diagram: Diagram, r: DrawnReaction, path: str) -> Row:
    """Return trigger, guard and, if another state declares the reaction, that state."""
    is_inherited = not diagram.states[path].children and r.source != path
    spans = _trigger(r, GREY if is_inherited else INK)
    if r.source != path:
        spans.append(Span(f"in {diagram.name(r.source)}", GREY))
    return Row(tuple(spans), _sign(r), grey=is_inherited, events=(r.event,))


def _internal_rows(diagram: Diagram, r: DrawnReaction, path: str) -> list[Row]:
    if r.kind == "stay":
        text = f"/ {r.action}" if r.action else "stays"
    else:
        text = f"{'ignored' if r.kind == 'ignore' else 'deferred'}: {r.reason}"
    return _broken(_first_row(diagram, r, path), text, MIDDLE)


def _broken(row: Row, more: str, width: float) -> list[Row]:
    """Return the row with the text `more`: on one line if that is short enough."""
    if not more:
        return [row]
    whole = replace(row, spans=(*row.spans, Span(more, GREY)))
    if whole.width <= width:
        return [whole]
    return [
        row,
        *(
            Row((Span(line, GREY),), indent=ICON, grey=row.grey, events=row.events)
            for line in broken(more, width - ICON)
        ),
    ]


def _facts(diagram: Diagram, path: str) -> Iterable[Row]:
    state = diagram.states[path]
    around = diagram.lineage(path)[:-1]
    if around:
        yield Row((Span("in " + " > ".join(diagram.states[p].title for p in around), GREY),))
    for line in broken(state.doc.split("\n\n")[0], MIDDLE):
        yield Row((Span(line),))
    if path in diagram.frames:
        inside = ", ".join(diagram.states[child].title for child in state.children)
        for n, line in enumerate(broken(f"inside: {inside}", MIDDLE)):
            yield Row((Span(line, GREY),), indent=ICON if n else 0)
    for timer in state.timers:
        yield Row((Span(timer.full),), "clock")
    for what, effects in (("entry", state.entry), ("exit", state.exit)):
        if effects:
            yield Row((Span(what, GREY), Span("/ " + ", ".join(effects))))
    for outer in around:
        above = diagram.states[outer]
        if above.activity:
            yield Row(
                (Span(f"{above.activity} goes on, of {above.name}", GREY),), "runs", grey=True
            )
        for timer in above.timers:
            yield Row((Span(f"{timer.full}, of {above.name}", GREY),), "clock", grey=True)


def _inside(diagram: Diagram, path: str) -> Block | None:
    if path in diagram.frames or not diagram.states[path].children:
        return None
    return block_of(diagram, path)


def _side(
    canvas: Canvas,
    laid: StateDiagram,
    palette: Palette,
    x: float,
    width: float,
    edge: float,
    groups: Sequence[Group],
    *,
    entering: bool,
) -> None:
    """Paint the boxes, arrows and labels of a side. `edge` is the border of the middle."""
    used = sum(group.height + GROUP_GAP for group in groups) - GROUP_GAP
    y = MARGIN + (laid.height - used) / 2
    for group in groups:
        low = y + group.height - 4
        if group.path is None:
            colour = INK
            canvas.dot(x + width - 5, low)
        else:
            shade = palette[group.path]
            colour = (shade if entering else palette[laid.path]).line
            with canvas.group(state=group.path):
                _box(canvas, Rect(x, y, width, group.height), laid.diagram.name(group.path), shade)
        if group.grey:
            colour = GREY
        ends = ((x + width, low), (edge, low)) if entering else ((edge, low), (x, low))
        start = x + width + 10 if entering else edge + 12
        pair = (group.path or "", laid.path) if entering else (laid.path, group.path or "")
        with canvas.group(**edge_data(pair, group.reactions)):
            canvas.arrow(ends, colour)
            for n, row in enumerate(group.rows):
                _row(canvas, row, start, low - 6 - LINE * (len(group.rows) - 1 - n), colour)
        y += group.height + GROUP_GAP


def _box(canvas: Canvas, rect: Rect, name: str, shade: Shade) -> None:
    canvas.rect(rect, fill=shade.fill, stroke=shade.line)
    x, y = rect.middle
    canvas.text(x, y + 4, name, size=12, bold=True, fill=shade.line, anchor="middle")


def _middle(canvas: Canvas, laid: StateDiagram, card: Rect, palette: Palette) -> None:
    state, shade = laid.diagram.states[laid.path], palette[laid.path]
    canvas.rect(card, fill=shade.body, stroke=shade.line, width=1.6, rounded=9)
    canvas.rect(Rect(card.x, card.y, card.w, 30), fill=shade.fill, stroke=shade.line, rounded=9)
    canvas.text(
        card.x + PAD + 2, card.y + 20, state.title, size=TITLE + 2, bold=True, fill=shade.line
    )
    if state.activity:
        x = card.right - PAD - text_width(state.activity)
        canvas.runs(x - ICON, card.y + 20, shade.line)
        canvas.text(x, card.y + 20, state.activity, fill=shade.line)
    if state.final:
        canvas.bullseye(card.right - PAD - 6, card.y + 15)
    y = card.y + 30 + 6 + SMALL
    for row in laid.rows:
        _row(canvas, row, card.x + PAD + 2, y, shade.line)
        y += LINE
    y -= 4
    if block := laid.inside:
        left = card.x + (card.w - block.rect.w) / 2
        paint_inside(canvas, laid.diagram, block.moved(left, y - block.head), palette)
        y += block.rect.h - block.head + 4
    if laid.internal:
        canvas.path(f"M{card.x:g} {y:g} H{card.right:g}", shade.line, opacity=0.45)
        y += 18
        for row in laid.internal:
            _row(canvas, row, card.x + PAD + 2, y, shade.line)
            y += LINE


def _row(canvas: Canvas, row: Row, x: float, y: float, colour: str) -> None:
    x += row.indent
    with canvas.group(event=" ".join(row.events)):
        if row.sign:
            sign = canvas.clock if row.sign == "clock" else canvas.runs
            sign(x, y, GREY if row.grey else colour)
            x += ICON
        canvas.spans(x, y, [(span.text, span.fill, span.italic) for span in row.spans])
