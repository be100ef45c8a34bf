"""Where the states of the whole chart stand: a grid in each opened state, chosen by its arrows.

Large compound states are opened (drawn as a frame around their children), the others are blocks.
Each frame's grid is improved by swapping until no swap makes the arrows shorter and the reading
direction better. All lengths are CSS px.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil

from engine.chart.diagram import Diagram, Reaction
from engine.chart.shapes import ICON, PAD, TITLE, Block, Rect, block_of, text_width

#: Everything stands on a grid of this many px, so that arrows have lanes.
STEP = 10
#: The largest picture that fits on a screen.
SCREEN_WIDTH, SCREEN_HEIGHT = 1280.0, 800.0
HEADER = 30.0
MARGIN = 30.0

#: The frame around everything that is at the top of the chart.
TOP = ""

Grid = tuple[tuple[str | None, ...], ...]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Gaps:
    """Room between the states of a frame, across and down, and along its inner edge."""

    across: float
    down: float
    edge: float


@dataclass(frozen=True, slots=True)
class Placement:
    """Every frame and every block at its place, and the arrows to draw between them."""

    frames: Mapping[str, Rect]
    blocks: Mapping[str, Block]
    arrows: Mapping[Pair, tuple[Reaction, ...]]
    width: float
    height: float


def opened(diagram: Diagram) -> frozenset[str]:
    """The states drawn as frames: those that hold a good part of the chart."""
    enough = max(5.0, len(diagram.leaves) / 3)
    return frozenset(p for p in diagram.states if len(diagram.inside(p)) >= enough)


def arrows_of(diagram: Diagram) -> dict[Pair, tuple[Reaction, ...]]:
    """The transitions between frames and blocks; what stays inside a block is drawn there."""
    frames = opened(diagram)

    def drawn_at(path: str) -> str:
        return next(p for p in diagram.lineage(path) if p not in frames or p == path)

    found: dict[Pair, list[Reaction]] = defaultdict(list)
    for reaction in diagram.transitions:
        assert reaction.target is not None
        source, target = drawn_at(reaction.source), drawn_at(reaction.target)
        if source != target:
            found[source, target].append(reaction)
    return {pair: tuple(reactions) for pair, reactions in found.items()}


def place(diagram: Diagram, gaps: Gaps) -> Placement:
    """The best placement found; always the same one for the same chart."""
    frames = opened(diagram)
    members = {TOP: diagram.roots} | {p: diagram.states[p].children for p in frames}
    blocks = {
        path: _snapped(block_of(diagram, path))
        for inside in members.values()
        for path in inside
        if path not in frames
    }
    search = _Search(diagram, members, blocks, arrows_of(diagram), gaps)
    return search.best()


def frame_title_width(diagram: Diagram, path: str) -> float:
    """The title of a frame stands in one line: name, activity, timers."""
    state = diagram.states[path]
    width = text_width(state.title, TITLE, bold=True) + 2 * PAD
    if state.activity:
        width += ICON + text_width(state.activity) + 12
    return width + sum(ICON + text_width(timer.short) + 12 for timer in state.timers)


def _up(length: float) -> float:
    return ceil(length / STEP) * STEP


def _snapped(block: Block) -> Block:
    from dataclasses import replace

    return replace(block, rect=Rect(0, 0, _up(block.rect.w), _up(block.rect.h)))


@dataclass
class _Search:
    diagram: Diagram
    members: Mapping[str, Sequence[str]]
    blocks: Mapping[str, Block]
    arrows: Mapping[Pair, tuple[Reaction, ...]]
    gaps: Gaps

    def best(self) -> Placement:
        rough = {frame: _in_rows(paths, 1) for frame, paths in self.members.items()}
        largest = max(self.members, key=lambda p: len(self.members[p]))
        starts = [
            {**rough, largest: _in_rows(self.members[largest], rows)}
            for rows in range(1, min(len(self.members[largest]), 4) + 1)
        ]
        found = [self.improved(start, frames) for start in starts for frames in self.orders()]
        return self.placed(min(found, key=lambda grids: self.cost(grids)))

    def orders(self) -> tuple[list[str], list[str]]:
        """Innermost frames first, or outermost first: each finds what the other overlooks."""
        inner = sorted(self.members, key=lambda p: (-len(p), p))
        return inner, inner[::-1]

    def improved(self, grids: Mapping[str, Grid], frames: Sequence[str]) -> Mapping[str, Grid]:
        cost = self.cost(grids)
        improved = True
        while improved:
            improved = False
            for frame in frames:
                for grid in self.others(frame, grids[frame]):
                    tried = {**grids, frame: grid}
                    now = self.cost(tried)
                    if now < cost - 1e-6:
                        grids, cost, improved = tried, now, True
        return grids

    def others(self, frame: str, grid: Grid) -> Iterator[Grid]:
        """Every shape of the grid as declared, then every swap of two cells of the present one."""
        paths = self.members[frame]
        for rows in range(1, len(paths) + 1):
            base = _in_rows(paths, rows)
            yield base
            for a, b in combinations(_cells(base), 2):
                yield _swapped(base, a, b)
        for a, b in combinations(_cells(grid), 2):
            yield _swapped(grid, a, b)

    def placed(self, grids: Mapping[str, Grid]) -> Placement:
        rects = self.rects(grids)
        whole = rects.pop(TOP)
        blocks = {p: block.moved(rects[p].x, rects[p].y) for p, block in self.blocks.items()}
        frames = {p: rects[p] for p in self.members if p != TOP}
        return Placement(frames, blocks, self.arrows, whole.w, whole.h)

    def rects(self, grids: Mapping[str, Grid]) -> dict[str, Rect]:
        sizes: dict[str, tuple[float, float]] = {
            p: (block.rect.w, block.rect.h) for p, block in self.blocks.items()
        }
        columns: dict[str, list[float]] = {}
        rows: dict[str, list[float]] = {}
        for frame in sorted(self.members, key=lambda p: (-p.count("."), p == TOP)):
            grid = grids[frame]
            columns[frame] = [
                max(sizes[p][0] if p else 0.0 for p in column)
                for column in zip(*grid, strict=True)
            ]
            rows[frame] = [max(sizes[p][1] if p else 0.0 for p in row) for row in grid]
            edge = self.edge(frame)
            width = sum(columns[frame]) + self.gaps.across * (len(columns[frame]) - 1) + 2 * edge
            height = sum(rows[frame]) + self.gaps.down * (len(rows[frame]) - 1) + 2 * edge
            if frame != TOP:
                height += HEADER - 10
                width = max(width, _up(frame_title_width(self.diagram, frame)))
            sizes[frame] = (width, height)
        rects = {TOP: Rect(0, 0, *sizes[TOP])}
        for frame in sorted(self.members, key=lambda p: (p != TOP, p.count("."))):
            corner = rects[frame]
            y = corner.y + self.edge(frame) + (0 if frame == TOP else HEADER - 10)
            for row, height in zip(grids[frame], rows[frame], strict=True):
                x = corner.x + self.edge(frame)
                for path, width in zip(row, columns[frame], strict=True):
                    if path:
                        w, h = sizes[path]
                        left = x + (width - w) / 2 // STEP * STEP
                        rects[path] = Rect(left, y + (height - h) / 2 // STEP * STEP, w, h)
                    x += width + self.gaps.across
                y += height + self.gaps.down
        return rects

    def edge(self, frame: str) -> float:
        return MARGIN if frame == TOP else self.gaps.edge

    def cost(self, grids: Mapping[str, Grid]) -> float:
        """Px of arrow, more or less: what the eye has to travel, and what is in its way."""
        rects = self.rects(grids)
        order = {path: n for n, path in enumerate(self.diagram.states)}
        whole = rects[TOP]
        cost = 0.4 * (whole.w + whole.h)
        cost += 20 * max(0.0, whole.w - SCREEN_WIDTH) + 20 * max(0.0, whole.h - SCREEN_HEIGHT)
        lines = []
        for (source, target), reactions in self.arrows.items():
            a, b = rects[source], rects[target]
            if a.holds(b) or b.holds(a):
                continue
            weight = 1 + 0.25 * min(len(reactions), 4)
            dx = max(a.x - b.right, b.x - a.right, 0.0)
            dy = max(a.y - b.bottom, b.y - a.bottom, 0.0)
            cost += weight * (dx + dy + (80 if dx and dy else 0))
            if order[source] < order[target]:
                cost += 120 * weight if b.right <= a.x else 60 * weight if b.bottom <= a.y else 0
            lines.append((source, target, a.middle, b.middle))
            for path in self.blocks:
                if path not in (source, target) and _meets(a.middle, b.middle, rects[path]):
                    cost += 150
        for one, other in combinations(lines, 2):
            if not {one[0], one[1]} & {other[0], other[1]} and _cross(one[2:], other[2:]):
                cost += 60
        for frame, paths in self.members.items():
            first = self.diagram.states[frame].initial if frame else self.diagram.roots[0]
            if first in paths:
                inside, outside = rects[first], rects[frame]
                cost += 0.5 * (inside.x - outside.x + inside.y - outside.y)
        return cost


def _in_rows(paths: Sequence[str], rows: int) -> Grid:
    wide = ceil(len(paths) / rows)
    cells = [*paths, *[None] * (wide * rows - len(paths))]
    return tuple(tuple(cells[n * wide : (n + 1) * wide]) for n in range(rows))


def _cells(grid: Grid) -> list[tuple[int, int]]:
    return [(r, c) for r, row in enumerate(grid) for c in range(len(row))]


def _swapped(grid: Grid, a: tuple[int, int], b: tuple[int, int]) -> Grid:
    rows = [list(row) for row in grid]
    rows[a[0]][a[1]], rows[b[0]][b[1]] = rows[b[0]][b[1]], rows[a[0]][a[1]]
    return tuple(tuple(row) for row in rows)


Point = tuple[float, float]


def _cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    def side(a: Point, b: Point, c: Point) -> bool:
        return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])

    (a, b), (c, d) = one, other
    return side(a, c, d) != side(b, c, d) and side(a, b, c) != side(a, b, d)


def _meets(a: Point, b: Point, rect: Rect) -> bool:
    corners = [(rect.x, rect.y), (rect.right, rect.bottom)]
    falling = (corners[0], corners[1])
    rising = ((rect.x, rect.bottom), (rect.right, rect.y))
    return _cross((a, b), falling) or _cross((a, b), rising)
