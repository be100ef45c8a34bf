"""The whole chart as one picture, no larger than a screen where that is possible at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callchart.engine.drawing.model import Diagram, StateNode
from callchart.engine.drawing.svg.canvas import (
    FRAME_HUE,
    HUES,
    INK,
    LEGEND_SIZE,
    PAPER,
    Drawing,
    Hue,
)
from callchart.engine.drawing.svg.placement import (
    SCREEN_HEIGHT,
    SCREEN_WIDTH,
    Gaps,
    Pair,
    Placement,
    blocks_of,
    frame_title_width,
    opened,
    placements,
)
from callchart.engine.drawing.svg.routing import Route, Router, Wish
from callchart.engine.drawing.svg.shapes import (
    ICON,
    PAD,
    STEP,
    TITLE,
    Line,
    Rect,
    paired,
    shortened,
    size_of,
    summary,
    text_width,
    wrapped,
)

#: Room across and down, tried in turn until every label finds its place.
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

#: The colour of a frame, and of a frame within a frame.
GROUNDS = (PAPER, "#f0f3f7")


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at its place: what `drawn` draws, and tests measure."""

    placement: Placement
    routes: Mapping[Pair, Route]
    forms: Mapping[Pair, tuple[tuple[Line, ...], ...]]

    @property
    def complete(self) -> bool:
        """Has every arrow its path and its label?"""
        return all(pair in self.routes and self.routes[pair].label for pair in self.forms)

    @property
    def cost(self) -> float:
        """The less, the better to look at: size, px of arrows, corners."""
        arrows = sum(STEP * len(r.points) + 40 * len(_corners(r)) for r in self.routes.values())
        return arrows + _cost_of_size(self.placement)

    def lines(self, pair: Pair) -> tuple[Line, ...]:
        return self.forms[pair][self.routes[pair].form]


def laid_out(diagram: Diagram) -> Overview:
    """The best of a few arrangements, each as tight as every arrow and every label allows."""
    best: Overview | None = None
    arrangements = placements(diagram, best=2)
    for across, down in GAPS:
        tight = []
        for spread in arrangements:
            placement = spread(Gaps(across, down, 30))
            if best and best.complete and best.cost < _cost_of_size(placement):
                continue  # too large for any arrows to make up for it, and with more room larger
            tried = _routed(diagram, placement)
            if best is None or (not tried.complete, tried.cost) < (not best.complete, best.cost):
                best = tried
            if not tried.complete:
                tight.append(spread)
        arrangements = tight
    assert best is not None
    return best


def _cost_of_size(placement: Placement) -> float:
    beyond = max(0.0, placement.width - SCREEN_WIDTH) + max(0.0, placement.height - SCREEN_HEIGHT)
    return 50 * beyond + 2 * (placement.width + placement.height)


def _routed(diagram: Diagram, placement: Placement) -> Overview:
    where = {**placement.frames, **{p: b.rect for p, b in placement.blocks.items()}}
    labels = {
        pair: summary(reactions, diagram.reactions) for pair, reactions in placement.arrows.items()
    }
    forms = {pair: (ls, wrapped(ls), shortened(ls), paired(ls)) for pair, ls in labels.items()}
    wishes = [
        Wish(
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
    return Overview(placement, router.route(wishes), forms)


def _start(diagram: Diagram, placement: Placement) -> Rect:
    """The room of the first arrow of all: a dot beside the first block."""
    path = diagram.roots[0]
    while path in placement.frames:
        path = diagram.states[path].initial or path
    rect = placement.blocks[path].rect
    return Rect(rect.x - 24, rect.y + 4, 20, 14)


def drawn(diagram: Diagram, overview: Overview) -> str:
    """The picture, as SVG."""
    placement = overview.placement
    legend = _legend_place(overview)
    drawing = Drawing(
        max(placement.width, legend.right + 20),
        max(placement.height, legend.bottom + 16),
        f"The chart of: {diagram.title}",
    )
    grounds = {path: GROUNDS[len(diagram.lineage(path)) % 2] for path in placement.frames}
    for path, rect in placement.frames.items():
        _frame(drawing, diagram.states[path], rect, grounds[path])
    hues = hues_of(diagram)
    colours = {pair: hues[pair[0]][0] for pair in overview.routes}
    for pair, route in overview.routes.items():
        drawing.arrow(_corners(route), colours[pair])
    for pair, route in overview.routes.items():
        if route.label:
            ground = PAPER
            for path, rect in placement.frames.items():
                if rect.holds(Rect(*route.label.middle, 0, 0)):
                    ground = grounds[path]
            drawing.label(route.label, overview.lines(pair), colours[pair], ground)
    for path, block in placement.blocks.items():
        drawing.block(diagram, block, hues[path])
    start = _start(diagram, placement)
    drawing.dot(start.x + 2, start.y + 7)
    drawing.arrow([(start.x + 6, start.y + 7), (start.right + 4, start.y + 7)], INK)
    drawing.legend(legend.x, legend.y)
    return drawing.finished()


def hues_of(diagram: Diagram) -> dict[str, Hue]:
    """The colours of every state: each block's own, which its inside shares; frames have none."""
    hues = dict.fromkeys(opened(diagram), FRAME_HUE)
    for n, block in enumerate(blocks_of(diagram)):
        hues |= {p: HUES[n % len(HUES)] for p in diagram.states if diagram.within(p, block)}
    return hues


def _frame(drawing: Drawing, state: StateNode, rect: Rect, ground: str) -> None:
    drawing.rect(rect, fill=ground, stroke="#9aa7b4", rx=10)
    x, y = rect.x + PAD, rect.y + 18
    drawing.text(x, y, state.title, size=TITLE, bold=True)
    x += text_width(state.title, TITLE, bold=True) + 12
    if state.activity:
        drawing.runs(x, y, INK)
        drawing.text(x + ICON, y, state.activity)
        x += ICON + text_width(state.activity) + 12
    for timer in state.timers:
        drawing.clock(x, y, INK)
        drawing.text(x + ICON, y, timer.short)
        x += ICON + text_width(timer.short) + 12


def _legend_place(overview: Overview) -> Rect:
    """A free corner outside of every frame, or else a place below the picture."""
    placement = overview.placement
    taken = [*placement.frames.values(), *(b.rect for b in placement.blocks.values())]
    taken += [route.label for route in overview.routes.values() if route.label]
    taken += [
        Rect(x * STEP, y * STEP, 0, 0)
        for route in overview.routes.values()
        for x, y in route.points
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
