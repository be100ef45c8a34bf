"""Where the states of the whole chart stand: a grid in each opened state, chosen by its arrows.

Large compound states are opened (drawn as a frame around their children), the others are blocks.
Each frame's grid is improved by swapping until no swap makes the arrows shorter and the reading
direction better. All lengths are CSS px.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from math import ceil, inf

from callchart.engine.drawing.model import Diagram, DrawnReaction
from callchart.engine.drawing.svg.shapes import (
    ICON,
    PAD,
    STEP,
    TITLE,
    Block,
    Rect,
    block_of,
    text_width,
)

#: The largest picture that fits on a screen.
SCREEN_WIDTH, SCREEN_HEIGHT = 1280.0, 800.0
HEADER = 30.0
MARGIN = 20.0

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
    arrows: Mapping[Pair, tuple[DrawnReaction, ...]]
    width: float
    height: float


def opened(diagram: Diagram) -> tuple[str, ...]:
    """The states drawn as frames: those that hold a good part of the chart, outermost first."""
    enough = max(5.0, len(diagram.leaves) / 3)
    return tuple(p for p in diagram.states if len(diagram.inside(p)) >= enough)


def blocks_of(diagram: Diagram) -> tuple[str, ...]:
    """The states drawn as blocks, with everything inside: those at the top, or right in a frame."""
    frames = opened(diagram)
    around = (None, *frames)
    return tuple(
        p for p, state in diagram.states.items() if p not in frames and state.parent in around
    )


def arrows_of(diagram: Diagram) -> dict[Pair, tuple[DrawnReaction, ...]]:
    """The transitions between frames and blocks; what stays inside a block is drawn there."""
    frames = opened(diagram)

    def drawn_at(path: str) -> str:
        return next(p for p in diagram.lineage(path) if p not in frames or p == path)

    found: dict[Pair, list[DrawnReaction]] = defaultdict(list)
    for reaction in diagram.transitions:
        assert reaction.target is not None
        source, target = drawn_at(reaction.source), drawn_at(reaction.target)
        if source != target:
            found[source, target].append(reaction)
    return {pair: tuple(reactions) for pair, reactions in found.items()}


def placements(diagram: Diagram, best: int) -> list[Callable[[Gaps], Placement]]:
    """The `best` arrangements found, to be spread out with larger or smaller gaps.

    Always the same for the same chart."""
    frames = opened(diagram)
    members = {TOP: diagram.roots} | {p: diagram.states[p].children for p in frames}
    blocks = {path: _snapped(block_of(diagram, path)) for path in blocks_of(diagram)}
    search = _Search(diagram, members, blocks, arrows_of(diagram), Gaps(100, 60, 30))
    return [partial(search.spread, grids) for grids in search.best()[:best]]


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
    return replace(block, rect=Rect(0, 0, _up(block.rect.w), _up(block.rect.h)))


@dataclass(frozen=True, slots=True)
class _Line:
    """An arrow as the search sees it: straight from middle to middle.

    `forward` says that it leads on in reading order; `others` are the blocks it should miss."""

    source: str
    target: str
    weight: float
    forward: bool
    others: Sequence[str]


@dataclass
class _Search:
    diagram: Diagram
    members: Mapping[str, Sequence[str]]
    blocks: Mapping[str, Block]
    arrows: Mapping[Pair, tuple[DrawnReaction, ...]]
    gaps: Gaps
    costs: dict[tuple[Grid, ...], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        order = {path: n for n, path in enumerate(self.diagram.states)}
        self.lines = [
            _Line(
                source,
                target,
                1 + 0.25 * min(len(reactions), 4),
                order[source] < order[target],
                [path for path in self.blocks if path not in (source, target)],
            )
            for (source, target), reactions in self.arrows.items()
            if not (self.diagram.within(source, target) or self.diagram.within(target, source))
        ]
        #: The lines without a common end: these should not cross.
        self.pairs = [
            (n, m)
            for (n, one), (m, other) in combinations(enumerate(self.lines), 2)
            if not {one.source, one.target} & {other.source, other.target}
        ]

    def best(self) -> list[Mapping[str, Grid]]:
        rough = {frame: _in_rows(paths, 1) for frame, paths in self.members.items()}
        largest = max(self.members, key=lambda p: len(self.members[p]))
        starts = [
            {**rough, largest: _in_rows(self.members[largest], rows)}
            for rows in range(1, min(len(self.members[largest]), 4) + 1)
        ]
        found: list[Mapping[str, Grid]] = []
        for start in starts:
            for frames in self.orders():
                grids = self.improved(start, frames)
                if grids not in found:
                    found.append(grids)
        return sorted(found, key=self.cost)

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
                    now = self.cost(tried, enough=cost - 1e-6)
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

    def spread(self, grids: Mapping[str, Grid], gaps: Gaps) -> Placement:
        """Arranged like `grids`, but for what other gaps make better."""
        search = replace(self, gaps=gaps, costs={})
        return search.placed(search.improved(grids, self.orders()[0]))

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
        columns: dict[str, list[list[float]]] = {}
        rows: dict[str, list[float]] = {}
        for frame in sorted(self.members, key=lambda p: (-p.count("."), p == TOP)):
            columns[frame], rows[frame] = self.measured(grids[frame], sizes)
            across = max(
                sum(widths) + self.gaps.across * (len(widths) - 1) for widths in columns[frame]
            )
            down = sum(rows[frame]) + self.gaps.down * (len(rows[frame]) - 1)
            width, height = across + 2 * self.edge(frame), down + 2 * self.edge(frame)
            if frame != TOP:
                height += HEADER - 10
                width = max(width, _up(frame_title_width(self.diagram, frame)))
            sizes[frame] = (width, height)
        rects = {TOP: Rect(0, 0, *sizes[TOP])}
        for frame in sorted(self.members, key=lambda p: (p != TOP, p.count("."))):
            outer = rects[frame]
            y = outer.y + self.edge(frame) + (0 if frame == TOP else HEADER - 10)
            for row, widths, height in zip(grids[frame], columns[frame], rows[frame], strict=True):
                used = sum(widths) + self.gaps.across * (len(widths) - 1)
                x = outer.x + (outer.w - used) / 2 // STEP * STEP
                cells = row if len(row) == len(widths) else [path for path in row if path]
                for path, width in zip(cells, widths, strict=True):
                    if path:
                        w, h = sizes[path]
                        left = x + (width - w) / 2 // STEP * STEP
                        rects[path] = Rect(left, y + (height - h) / 2 // STEP * STEP, w, h)
                    x += width + self.gaps.across
                y += height + self.gaps.down
        return rects

    @staticmethod
    def measured(
        grid: Grid, sizes: Mapping[str, tuple[float, float]]
    ) -> tuple[list[list[float]], list[float]]:
        """The widths of each row's cells, and the heights of the rows.

        Columns are aligned, unless widths in one differ much: then each row is by itself."""
        heights = [max((sizes[p][1] for p in row if p), default=0.0) for row in grid]
        columns = [[sizes[p][0] for p in column if p] for column in zip(*grid, strict=True)]
        if all(max(column) <= 2.5 * min(column) for column in columns if column):
            aligned = [max(column, default=0.0) for column in columns]
            return [aligned for _ in grid], heights
        return [[sizes[p][0] for p in row if p] for row in grid], heights

    def edge(self, frame: str) -> float:
        if frame != TOP:
            return self.gaps.edge
        # A block that the call begins in has a dot and an arrow beside it.
        return MARGIN if self.diagram.roots[0] in self.members else 2 * MARGIN

    def cost(self, grids: Mapping[str, Grid], enough: float = inf) -> float:
        """What `measure` says, asked once: a search comes back to the same grids often.

        From `enough` on it may be less than the whole: then the grids are no better anyway."""
        key = tuple(grids[frame] for frame in self.members)
        cost = self.costs.get(key, 0.0)
        if cost < enough:
            cost = self.costs[key] = self.measure(grids, enough)
        return cost

    def measure(self, grids: Mapping[str, Grid], enough: float) -> float:
        """Px of arrow, more or less: what the eye has to travel, and what is in its way."""
        cost = 0.0
        for term in self.terms(self.rects(grids)):
            cost += term
            if cost >= enough:
                break
        return cost

    def terms(self, rects: Mapping[str, Rect]) -> Iterator[float]:
        """What adds up to the cost: none is below 0, and the dearest to find out come last."""
        whole = rects[TOP]
        yield 0.3 * whole.w + 0.7 * whole.h
        yield 20 * max(0.0, whole.w - SCREEN_WIDTH) + 20 * max(0.0, whole.h - SCREEN_HEIGHT)
        for line in self.lines:
            a, b = rects[line.source], rects[line.target]
            dx = max(a.x - b.right, b.x - a.right, 0.0)
            dy = max(a.y - b.bottom, b.y - a.bottom, 0.0)
            yield line.weight * (dx + dy + (80 if dx and dy else 0))
            if line.forward and b.right <= a.x:
                yield 120 * line.weight
            elif line.forward and b.bottom <= a.y:
                yield 60 * line.weight
        for frame, paths in self.members.items():
            first = (self.diagram.states[frame].initial if frame else None) or paths[0]
            inside, outside = rects[first], rects[frame]
            yield 1.0 * (inside.x - outside.x) + 0.5 * (inside.y - outside.y)
        ends = [(rects[line.source].middle, rects[line.target].middle) for line in self.lines]
        for one, other in self.pairs:
            if _cross(*ends[one], *ends[other]):
                yield 60
        for line, (start, end) in zip(self.lines, ends, strict=True):
            for path in line.others:
                if _meets(start, end, rects[path]):
                    yield 150


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


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Are a and b on different sides of the line through c and d, and the other way round?"""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = a, b, c, d
    if ((cx - ax) * (dy - ay) > (cy - ay) * (dx - ax)) == (
        (cx - bx) * (dy - by) > (cy - by) * (dx - bx)
    ):
        return False
    return ((bx - ax) * (cy - ay) > (by - ay) * (cx - ax)) != (
        (bx - ax) * (dy - ay) > (by - ay) * (dx - ax)
    )


def _meets(a: Point, b: Point, rect: Rect) -> bool:
    if max(a[0], b[0]) <= rect.x or min(a[0], b[0]) >= rect.right:
        return False
    if max(a[1], b[1]) <= rect.y or min(a[1], b[1]) >= rect.bottom:
        return False
    falling = ((rect.x, rect.y), (rect.right, rect.bottom))
    rising = ((rect.x, rect.bottom), (rect.right, rect.y))
    return _cross(a, b, *falling) or _cross(a, b, *rising)
