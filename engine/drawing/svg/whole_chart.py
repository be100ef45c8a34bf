"""The whole chart as one picture, if possible no larger than a screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from callchart.engine.drawing.model import Diagram, DrawnReaction, StateNode
from callchart.engine.drawing.palette import FRAME_LINE, GROUND, INK, PAPER, Palette
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.extension import SIDES, Side, extended
from callchart.engine.drawing.svg.labels import (
    Line,
    paired,
    shortened,
    size_of,
    summary,
    wrapped,
)
from callchart.engine.drawing.svg.paint import (
    LEGEND_SIZE,
    edge_data,
    paint_block,
    paint_label,
    paint_legend,
)
from callchart.engine.drawing.svg.placement import (
    SCREEN_HEIGHT,
    SCREEN_WIDTH,
    Arrangement,
    Gaps,
    Pair,
    Placement,
    arrangements,
    frame_title_width,
)
from callchart.engine.drawing.svg.routing import EdgeRequest, Route, Router
from callchart.engine.drawing.svg.shapes import ICON, PAD, STEP, Rect
from callchart.engine.drawing.svg.text import TITLE, text_width

#: The gaps across and down that are tried in turn, until every label has room.
GAPS = (
    (80, 40),
    (100, 40),
    (100, 50),
    (120, 50),
    (130, 40),
    (120, 70),
    (140, 80),
    (170, 100),
    (210, 130),
    (260, 160),
    (340, 220),
)

#: Room inside the border of a frame.
EDGE = 30.0

#: The backgrounds of a frame, and of a frame within a frame.
GROUNDS = (PAPER, GROUND)

#: The forms of a label, the best first. Each has one or more lines.
Forms = tuple[tuple[Line, ...], ...]
#: A function that returns the forms of the label of an arrow for these reactions.
Labelling = Callable[[Diagram, Sequence[DrawnReaction]], Forms]


@dataclass(frozen=True, slots=True)
class ChartDiagram:
    """The layout of the whole chart: `drawn` draws it, and tests measure it.

    `step` is the index in `GAPS` of the gaps between its states."""

    placement: Placement
    routes: Mapping[Pair, Route]
    forms: Mapping[Pair, Forms]
    arrangement: Arrangement
    step: int

    @property
    def complete(self) -> bool:
        """True if every arrow has its path and its label."""
        return all(pair in self.routes and self.routes[pair].label for pair in self.forms)

    @property
    def cost(self) -> float:
        """The cost: size, length of arrows, corners."""
        arrows = sum(STEP * len(r.points) + 40 * len(_corners(r)) for r in self.routes.values())
        return arrows + _cost_of_size(self.placement)

    @property
    def rank(self) -> tuple[bool, float]:
        """The order of preference: the smallest is the best."""
        return not self.complete, self.cost

    def lines(self, pair: Pair) -> tuple[Line, ...]:
        """Return the lines of the label of an arrow, in the form that had room."""
        return self.forms[pair][self.routes[pair].form]


def full_labels(diagram: Diagram, reactions: Sequence[DrawnReaction]) -> Forms:
    """Return the forms of a label: a line for each trigger, with whole or shortened guards."""
    lines = summary(reactions, diagram.reactions)
    return lines, wrapped(lines), shortened(lines), paired(lines)


def laid_out(diagram: Diagram, labelling: Labelling = full_labels) -> ChartDiagram:
    """Return the best layout that was found. An extended chart keeps the layout of its base."""
    if diagram.base is not None:
        return _grown(diagram, laid_out(diagram.base, labelling), labelling)
    best: ChartDiagram | None = None
    tried = arrangements(diagram, count=2)
    for step, (across, down) in enumerate(GAPS):
        tight = []
        for arrangement in tried:
            placement = arrangement(Gaps(across, down, EDGE))
            if best and best.complete and best.cost < _cost_of_size(placement):
                continue  # its size alone costs more, and further gaps only enlarge it
            now = _routed(diagram, placement, labelling, arrangement, step)
            if best is None or now.rank < best.rank:
                best = now
            if not now.complete:
                tight.append(arrangement)
        tried = tight
    assert best is not None
    return best


def _grown(diagram: Diagram, base: ChartDiagram, labelling: Labelling) -> ChartDiagram:
    """Return the layout of the base with the additions, with larger gaps if needed."""
    best: ChartDiagram | None = None
    for step in range(base.step, len(GAPS)):
        gaps = Gaps(*GAPS[step], EDGE)
        around = base.placement if step == base.step else base.arrangement(gaps)
        for side in SIDES:
            placement = extended(diagram, around, gaps, side)
            if placement is None:
                continue
            arrangement = partial(_extended_on, diagram, base.arrangement, side)
            now = _routed(diagram, placement, labelling, arrangement, step)
            if best is None or now.rank < best.rank:
                best = now
        if best and best.complete:
            break
    assert best is not None
    return best


def _extended_on(diagram: Diagram, base: Arrangement, side: Side, gaps: Gaps) -> Placement:
    """Place the states of an extended chart. Bind all but `gaps` to get an `Arrangement`."""
    around = base(gaps)
    placement = extended(diagram, around, gaps, side) or extended(diagram, around, gaps, "below")
    assert placement is not None
    return placement


def _cost_of_size(placement: Placement) -> float:
    beyond = max(0.0, placement.width - SCREEN_WIDTH) + max(0.0, placement.height - SCREEN_HEIGHT)
    return 50 * beyond + 2 * (placement.width + placement.height)


def _routed(
    diagram: Diagram,
    placement: Placement,
    labelling: Labelling,
    arrangement: Arrangement,
    step: int,
) -> ChartDiagram:
    where = {**placement.frames, **{p: b.rect for p, b in placement.blocks.items()}}
    forms = {pair: labelling(diagram, found) for pair, found in placement.arrows.items()}
    requests = [
        EdgeRequest(
            pair,
            where[pair[0]],
            where[pair[1]],
            tuple(map(size_of, lines)),
            frozenset(
                rect
                for path, rect in placement.frames.items()
                if diagram.within(pair[0], path) != diagram.within(pair[1], path)
            ),
            leaving=diagram.within(pair[1], pair[0]),
            entering=diagram.within(pair[0], pair[1]),
        )
        for pair, lines in forms.items()
    ]
    solid = [block.rect for block in placement.blocks.values()]
    solid += [
        Rect(rect.x + 6, rect.y + 2, frame_title_width(diagram, path), 22)
        for path, rect in placement.frames.items()
    ]
    solid.append(_start(diagram, placement))
    router = Router(placement.width, placement.height, solid, list(placement.frames.values()))
    return ChartDiagram(placement, router.route(requests), forms, arrangement, step)


def _start(diagram: Diagram, placement: Placement) -> Rect:
    """Return the room for the arrow from the dot to the block in which a call begins."""
    path = diagram.roots[0]
    while path in placement.frames:
        path = diagram.states[path].initial or path
    rect = placement.blocks[path].rect
    return Rect(rect.x - 24, rect.y + 4, 20, 14)


def drawn(
    diagram: Diagram, laid: ChartDiagram, palette: Palette, *, with_legend: bool = True
) -> str:
    """Return the picture, as SVG."""
    placement = laid.placement
    canvas = Canvas(f"The chart of: {diagram.title}")
    grounds = {path: GROUNDS[len(diagram.lineage(path)) % 2] for path in placement.frames}
    for path, rect in placement.frames.items():
        with canvas.group(state=path):
            _frame(canvas, diagram.states[path], rect, grounds[path])
    # Labels come after all arrows: otherwise a later arrow would run over a label.
    for pair, route in laid.routes.items():
        with canvas.group(**edge_data(pair, placement.arrows[pair])):
            canvas.arrow(_corners(route), palette[pair[0]].line)
    for pair, route in laid.routes.items():
        if route.label:
            ground = PAPER
            for path, rect in placement.frames.items():
                if rect.holds(Rect(*route.label.middle, 0, 0)):
                    ground = grounds[path]
            with canvas.group(**edge_data(pair, placement.arrows[pair])):
                paint_label(canvas, route.label, laid.lines(pair), palette[pair[0]].line, ground)
    for block in placement.blocks.values():
        paint_block(canvas, diagram, block, palette)
    start = _start(diagram, placement)
    canvas.dot(start.x + 2, start.y + 7)
    canvas.arrow([(start.x + 6, start.y + 7), (start.right + 4, start.y + 7)], INK)
    if not with_legend:
        return canvas.finished(placement.width, placement.height)
    legend = _legend_place(laid)
    paint_legend(canvas, legend.x, legend.y)
    return canvas.finished(
        max(placement.width, legend.right + 20), max(placement.height, legend.bottom + 16)
    )


def _frame(canvas: Canvas, state: StateNode, rect: Rect, ground: str) -> None:
    canvas.rect(rect, fill=ground, stroke=FRAME_LINE, rounded=10)
    x, y = rect.x + PAD, rect.y + 18
    canvas.text(x, y, state.title, size=TITLE, bold=True)
    x += text_width(state.title, TITLE, bold=True) + 12
    if state.activity:
        canvas.runs(x, y, INK)
        canvas.text(x + ICON, y, state.activity)
        x += ICON + text_width(state.activity) + 12
    for timer in state.timers:
        canvas.clock(x, y, INK)
        canvas.text(x + ICON, y, timer.short)
        x += ICON + text_width(timer.short) + 12


def _legend_place(laid: ChartDiagram) -> Rect:
    """Return a free corner of the picture, or else a place below it."""
    placement = laid.placement
    taken = [*placement.frames.values(), *(b.rect for b in placement.blocks.values())]
    taken += [route.label for route in laid.routes.values() if route.label]
    taken += [
        Rect(x * STEP, y * STEP, 0, 0) for route in laid.routes.values() for x, y in route.points
    ]
    width, height = LEGEND_SIZE
    right, bottom = placement.width - width - 20, placement.height - height - 16
    for x, y in ((20.0, bottom), (right, bottom), (20.0, 16.0), (right, 16.0)):
        place = Rect(x, y, width, height)
        if x >= 20 and y >= 16 and not any(place.grown(10).overlaps(other) for other in taken):
            return place
    return Rect(20, placement.height + 4, width, height)


def _corners(route: Route) -> list[tuple[float, float]]:
    points = route.points
    kept = [
        here
        for before, here, after in zip(points, points[1:], points[2:], strict=False)
        if not (before[0] == after[0] or before[1] == after[1])
    ]
    return [(x * STEP, y * STEP) for x, y in (points[0], *kept, points[-1])]
