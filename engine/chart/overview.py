"""The whole chart as one picture, no larger than a screen where that is possible at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.chart.diagram import Diagram
from engine.chart.placement import Gaps, Pair, Placement, frame_title_width, place
from engine.chart.routing import STEP, Route, Router, Wish
from engine.chart.shapes import ICON, PAD, TITLE, Line, Rect, size_of, summary, text_width
from engine.chart.svg import HUES, INK, Drawing


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at its place: what `drawn` draws, and tests measure."""

    placement: Placement
    routes: Mapping[Pair, Route]
    labels: Mapping[Pair, tuple[Line, ...]]

    @property
    def complete(self) -> bool:
        """Has every arrow its path and its label?"""
        return all(pair in self.routes and self.routes[pair].label for pair in self.labels)


def laid_out(diagram: Diagram) -> Overview:
    """The tightest layout in which every arrow and every label finds its place."""
    tried = None
    for across, down in ((80, 40), (90, 50), (100, 60), (120, 70), (140, 80), (170, 100), (210, 130), (260, 160)):
        tried = _attempt(diagram, Gaps(across, down, 30))
        if tried.complete:
            break
    assert tried
    return tried


def _attempt(diagram: Diagram, gaps: Gaps) -> Overview:
    placement = place(diagram, gaps)
    where = {**placement.frames, **{p: b.rect for p, b in placement.blocks.items()}}
    labels = {
        pair: summary(reactions, diagram.reactions) for pair, reactions in placement.arrows.items()
    }
    wishes = [
        Wish(
            pair,
            where[pair[0]],
            where[pair[1]],
            size_of(lines),
            frozenset(
                placement.frames[p]
                for end in pair
                for p in diagram.lineage(end)
                if p in placement.frames
            ),
            leaving=diagram.within(pair[1], pair[0]),
            entering=diagram.within(pair[0], pair[1]),
        )
        for pair, lines in labels.items()
    ]
    solid = [block.rect for block in placement.blocks.values()]
    solid += [
        Rect(rect.x + 6, rect.y + 2, frame_title_width(diagram, path), 22)
        for path, rect in placement.frames.items()
    ]
    solid.append(_start(diagram, placement))
    router = Router(placement.width, placement.height, solid, list(placement.frames.values()))
    return Overview(placement, router.route(wishes), labels)


def _start(diagram: Diagram, placement: Placement) -> Rect:
    """The room of the first arrow of all: a dot beside the first block."""
    path = diagram.roots[0]
    while path in placement.frames:
        path = diagram.states[path].initial or path
    rect = placement.blocks[path].rect
    return Rect(rect.x - 24, rect.y + 4, 20, 14)


def drawn(diagram: Diagram) -> str:
    """The picture, as SVG."""
    overview = laid_out(diagram)
    placement = overview.placement
    drawing = Drawing(placement.width, placement.height, f"The chart of: {diagram.title}")
    for path, rect in sorted(placement.frames.items()):
        state = diagram.states[path]
        drawing.rect(rect, fill="#eef2f6" if path.count(".") % 2 == 0 else "#f8fafc", stroke="#9aa7b4", rx=10)
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
    hues = {path: HUES[n % len(HUES)] for n, path in enumerate(placement.blocks)}
    grey = ("#44505c", "", "")
    for pair, route in overview.routes.items():
        colour = hues.get(pair[0], grey)[0]
        drawing.arrow(_corners(route), colour)
    for pair, route in overview.routes.items():
        if route.label:
            drawing.label(route.label, overview.labels[pair], hues.get(pair[0], grey)[0])
    for path, block in placement.blocks.items():
        drawing.block(diagram, block, hues[path])
    start = _start(diagram, placement)
    drawing.dot(start.x + 2, start.y + 7)
    drawing.arrow([(start.x + 6, start.y + 7), (start.right + 4, start.y + 7)], INK)
    return drawing.finished()


def _corners(route: Route) -> list[tuple[float, float]]:
    points = route.points
    kept = [
        here
        for before, here, after in zip(points, points[1:], points[2:], strict=False)
        if not (before[0] == after[0] or before[1] == after[1])
    ]
    return [(x * STEP, y * STEP) for x, y in (points[0], *kept, points[-1])]
