"""One state as a picture: entered from the left, left to the right, its inside in the middle.

A leaf's picture shows what is really tried in it, its parents' answers included; a compound state's
what it and its inside declare beyond its border.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from callchart.engine.drawing.model import Diagram, DrawnReaction
from callchart.engine.drawing.svg.canvas import GREY, INK, Drawing, Hue
from callchart.engine.drawing.svg.placement import opened
from callchart.engine.drawing.svg.shapes import (
    ICON,
    PAD,
    SMALL,
    TITLE,
    Block,
    Rect,
    block_of,
    text_width,
)
from callchart.engine.drawing.svg.whole_chart import hues_of

MARGIN, LINE, GROUP_GAP, CORRIDOR = 20.0, 15.0, 16.0, 34.0
#: The widest text in the middle, and the widest line at the sides before it is broken in two.
MIDDLE, SIDE = 330.0, 340.0


@dataclass(frozen=True, slots=True)
class Span:
    """Words in one colour, upright or slanted."""

    text: str
    fill: str = INK
    italic: bool = False
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text, perhaps with a little sign before it, perhaps indented."""

    spans: tuple[Span, ...]
    sign: str = ""
    indent: float = 0.0

    @property
    def width(self) -> float:
        words = " ".join(span.text for span in self.spans)
        return self.indent + (ICON if self.sign else 0) + text_width(words)


@dataclass(frozen=True, slots=True)
class Group:
    """The arrows between this state and one other (`path` is None for the beginning of a call)."""

    path: str | None
    rows: tuple[Row, ...]

    @property
    def height(self) -> float:
        return max(LINE * len(self.rows) + 10, 30.0)


@dataclass(frozen=True, slots=True)
class Portrait:
    """Everything at its place; `rows` are the middle's lines from top to bottom."""

    diagram: Diagram
    path: str
    entered: tuple[Group, ...]
    left: tuple[Group, ...]
    rows: tuple[Row, ...]
    inside: Block | None
    answers: tuple[Row, ...]

    @property
    def columns(self) -> tuple[float, float, float, float, float]:
        """Widths: boxes and labels of the left side, the middle, labels and boxes of the right."""
        middle = [row.width for row in (*self.rows, *self.answers)]
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
        """Of the middle, which is as high as the highest of the three."""
        own = 30 + 10 + LINE * len(self.rows) + 8
        if self.inside:
            own += self.inside.rect.h - self.inside.head + 4
        if self.answers:
            own += 14 + LINE * len(self.answers)
        sides = (
            sum(group.height + GROUP_GAP for group in side) + 20
            for side in (self.entered, self.left)
        )
        return max(own, *sides, 90.0)

    @property
    def size(self) -> tuple[float, float]:
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


def portrait_of(diagram: Diagram, path: str) -> Portrait:
    """The picture of one state, laid out."""
    state = diagram.states[path]
    leaf = not state.children
    entering = [r for r in diagram.transitions if _enters(diagram, path, r)]
    if leaf:
        tried = [r for given in diagram.in_leaf[path].values() for r in given]
        leaving = [r for r in tried if r.kind == "to"]
        answering = [r for r in tried if r.kind != "to"]
    else:
        leaving = [
            r
            for r in diagram.transitions
            if diagram.within(r.source, path)
            and r.target is not None
            and (r.target == path or not diagram.within(r.target, path))
        ]
        answering = [r for r in diagram.reactions if r.source == path and r.kind != "to"]
        # From the compound state itself into its inside: left and right are both its own.
        leaving += [
            r
            for r in diagram.transitions
            if r.source == path and r.target not in (None, path) and r not in leaving
        ]
    entered = [
        Group(source, tuple(_entering_rows(diagram, rs, path)))
        for source, rs in _by(entering, [r.source for r in entering])
    ]
    if path in diagram.lineage(diagram.beginning):
        entered.insert(0, Group(None, (Row((Span("the call begins", GREY),)),)))
    left = [
        Group(target, tuple(row for r in rs for row in _leaving_rows(diagram, r, path)))
        for target, rs in _by(leaving, [r.target or "" for r in leaving])
    ]
    return Portrait(
        diagram,
        path,
        tuple(entered),
        tuple(left),
        tuple(_facts(diagram, path)),
        _inside(diagram, path),
        tuple(row for r in answering for row in _answer_rows(diagram, r, path)),
    )


def drawn(diagram: Diagram, path: str) -> str:
    """The picture, as SVG."""
    portrait = portrait_of(diagram, path)
    hues = hues_of(diagram)
    width, height = portrait.size
    drawing = Drawing(width, height, f"The state {path} of: {diagram.title}")
    boxes, labels, middle, _, right_boxes = portrait.columns
    card = Rect(MARGIN + boxes + labels, MARGIN, middle, portrait.height)
    _side(drawing, portrait, hues, MARGIN, boxes, card.x, portrait.entered, entering=True)
    _side(
        drawing,
        portrait,
        hues,
        width - MARGIN - right_boxes,
        right_boxes,
        card.right,
        portrait.left,
        entering=False,
    )
    _middle(drawing, portrait, card, hues[path])
    return drawing.finished()


def _by(
    reactions: Sequence[DrawnReaction], others: Sequence[str]
) -> list[tuple[str, list[DrawnReaction]]]:
    """Grouped by the state at the other end."""
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


def _trigger(r: DrawnReaction) -> list[Span]:
    spans = [Span(r.trigger)]
    if r.condition:
        spans.append(Span(r.condition, GREY, italic=True))
    return spans


def _sign(r: DrawnReaction) -> str:
    return "clock" if r.timer else ""


def _entering_rows(diagram: Diagram, rs: Sequence[DrawnReaction], path: str) -> Iterable[Row]:
    """A row for each trigger; which of several guards said yes is the other state's own matter."""
    alike: dict[tuple[str, str], list[DrawnReaction]] = defaultdict(list)
    for r in rs:
        alike[r.trigger, r.target or ""].append(r)
    for (trigger, target), several in alike.items():
        spans = _trigger(several[0])
        if len(several) > 1:
            spans = [Span(trigger), Span("[…]", GREY, italic=True)]
        # A leaf may be entered through a parent; at which of its inside a compound is, is news.
        if target != path and diagram.states[path].children:
            spans.append(Span(f"to {diagram.name(target)}", GREY))
        yield Row(tuple(spans), _sign(several[0]))


def _leaving_rows(diagram: Diagram, r: DrawnReaction, path: str) -> list[Row]:
    spans = _trigger(r)
    if r.source != path:
        spans.append(Span(f"in {diagram.name(r.source)}", GREY))
    return _broken(Row(tuple(spans), _sign(r)), f"/ {r.action}" if r.action else "", SIDE)


def _answer_rows(diagram: Diagram, r: DrawnReaction, path: str) -> list[Row]:
    spans = _trigger(r)
    if r.source != path:
        spans.append(Span(f"in {diagram.name(r.source)}", GREY))
    if r.kind == "stay":
        said = f"/ {r.action}" if r.action else "stays"
    else:
        said = f"{'ignored' if r.kind == 'ignore' else 'deferred'}: {r.reason}"
    return _broken(Row(tuple(spans), _sign(r)), said, MIDDLE)


def _broken(row: Row, more: str, width: float) -> list[Row]:
    """The row and more of it, on one line if that is short enough."""
    if not more:
        return [row]
    whole = Row((*row.spans, Span(more, GREY)), row.sign)
    if whole.width <= width:
        return [whole]
    return [row, *(Row((Span(line, GREY),), indent=ICON) for line in _lines(more, width - ICON))]


def _lines(text: str, width: float) -> list[str]:
    """The text in lines that are no wider."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _facts(diagram: Diagram, path: str) -> Iterable[Row]:
    state = diagram.states[path]
    around = diagram.lineage(path)[:-1]
    if around:
        yield Row((Span("in " + " > ".join(diagram.states[p].title for p in around), GREY),))
    for line in _lines(state.doc.split("\n\n")[0], MIDDLE):
        yield Row((Span(line),))
    if path in opened(diagram):
        inside = ", ".join(diagram.states[child].title for child in state.children)
        for n, line in enumerate(_lines(f"inside: {inside}", MIDDLE)):
            yield Row((Span(line, GREY),), indent=ICON if n else 0)
    for timer in state.timers:
        yield Row((Span(timer.full),), "clock")
    for what, effects in (("entry", state.entry), ("exit", state.exit)):
        if effects:
            yield Row((Span(what, GREY), Span("/ " + ", ".join(effects))))
    for outer in around:
        above = diagram.states[outer]
        if above.activity:
            yield Row((Span(above.activity, GREY), Span(f"goes on, of {above.name}", GREY)), "runs")
        for timer in above.timers:
            yield Row((Span(f"{timer.full}, of {above.name}", GREY),), "clock")


def _inside(diagram: Diagram, path: str) -> Block | None:
    if path in opened(diagram) or not diagram.states[path].children:
        return None
    return block_of(diagram, path)


def _side(
    drawing: Drawing,
    portrait: Portrait,
    hues: dict[str, Hue],
    x: float,
    width: float,
    edge: float,
    groups: Sequence[Group],
    *,
    entering: bool,
) -> None:
    """One side's boxes, arrows and labels; `edge` is where the middle begins."""
    used = sum(group.height + GROUP_GAP for group in groups) - GROUP_GAP
    y = MARGIN + (portrait.height - used) / 2
    own = hues[portrait.path][0]
    for group in groups:
        low = y + group.height - 4
        colour = INK if group.path is None else hues[group.path][0] if entering else own
        if group.path is None:
            drawing.dot(x + width - 5, low)
        else:
            line, bar, _ = hues[group.path]
            drawing.rect(Rect(x, y, width, group.height), fill=bar, stroke=line)
            drawing.text(
                x + width / 2,
                y + group.height / 2 + 4,
                portrait.diagram.name(group.path),
                size=12,
                bold=True,
                fill=line,
                anchor="middle",
            )
        ends = ((x + width, low), (edge, low)) if entering else ((edge, low), (x, low))
        drawing.arrow(ends, colour)
        start = x + width + 10 if entering else edge + 12
        for n, row in enumerate(group.rows):
            _row(drawing, row, start, low - 6 - LINE * (len(group.rows) - 1 - n), colour)
        y += group.height + GROUP_GAP


def _middle(drawing: Drawing, portrait: Portrait, card: Rect, hue: Hue) -> None:
    state = portrait.diagram.states[portrait.path]
    line, bar, body = hue
    drawing.rect(card, fill=body, stroke=line, rx=9, extra=' stroke-width="1.6"')
    drawing.rect(Rect(card.x, card.y, card.w, 30), fill=bar, stroke=line, rx=9)
    drawing.text(card.x + PAD + 2, card.y + 20, state.title, size=TITLE + 2, bold=True, fill=line)
    if state.activity:
        x = card.right - PAD - text_width(state.activity)
        drawing.runs(x - ICON, card.y + 20, line)
        drawing.text(x, card.y + 20, state.activity, fill=line)
    if state.final:
        drawing.bullseye(card.right - PAD - 6, card.y + 15)
    y = card.y + 30 + 6 + SMALL
    for row in portrait.rows:
        _row(drawing, row, card.x + PAD + 2, y, line)
        y += LINE
    y -= 4
    if block := portrait.inside:
        left = card.x + (card.w - block.rect.w) / 2
        drawing.inside(portrait.diagram, block.moved(left, y - block.head), hue)
        y += block.rect.h - block.head + 4
    if portrait.answers:
        drawing.rule(card.x, card.right, y, line)
        y += 18
        for row in portrait.answers:
            _row(drawing, row, card.x + PAD + 2, y, line)
            y += LINE


def _row(drawing: Drawing, row: Row, x: float, y: float, colour: str) -> None:
    x += row.indent
    if row.sign:
        sign = drawing.clock if row.sign == "clock" else drawing.runs
        sign(x, y, colour)
        x += ICON
    drawing.spans(x, y, [(span.text, span.fill, span.italic) for span in row.spans])
