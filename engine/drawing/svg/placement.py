"""The places of the states in the picture of the whole chart.

Each frame has its children in a grid. The search swaps cells of the grids until no swap lowers the
cost, which grows with long and crossing arrows and with arrows against the order of reading. All
lengths are CSS px.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from math import ceil, inf

from callchart.engine.drawing.model import Diagram, DrawnReaction
from callchart.engine.drawing.svg.block import Block, block_of
from callchart.engine.drawing.svg.shapes import ICON, PAD, STEP, Rect
from callchart.engine.drawing.svg.text import TITLE, text_width

#: The largest picture that fits on a screen.
SCREEN_WIDTH, SCREEN_HEIGHT = 1280.0, 800.0
HEADER = 30.0
MARGIN = 20.0

#: The name of the frame around the outermost states.
TOP = ""

#: Rows of cells, each with a state or empty.
Grid = tuple[tuple[str | None, ...], ...]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Gaps:
    """Room between the states of a frame, across and down, and between them and its edge."""

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


#: A function of gaps that places the states of one arrangement.
Arrangement = Callable[[Gaps], Placement]


def arrows_of(diagram: Diagram) -> dict[Pair, tuple[DrawnReaction, ...]]:
    """Return the transitions between frames and blocks. A block itself draws those inside it."""
    frames = diagram.frames

    def drawn_at(path: str) -> str:
        return next(p for p in diagram.lineage(path) if p not in frames or p == path)

    found: dict[Pair, list[DrawnReaction]] = defaultdict(list)
    for reaction in diagram.transitions:
        assert reaction.target is not None
        source, target = drawn_at(reaction.source), drawn_at(reaction.target)
        if source != target:
            found[source, target].append(reaction)
    return {pair: tuple(reactions) for pair, reactions in found.items()}


def arrangements(diagram: Diagram, count: int) -> list[Arrangement]:
    """Return the `count` best arrangements.

    Equal charts give equal arrangements."""
    frames = diagram.frames
    members = {TOP: diagram.roots} | {p: diagram.states[p].children for p in frames}
    blocks = {path: snapped(block_of(diagram, path)) for path in diagram.blocks}
    search = _Search(diagram, members, blocks, arrows_of(diagram), Gaps(100, 60, 30))
    return [partial(search.spread, grids) for grids in search.best()[:count]]


def frame_title_width(diagram: Diagram, path: str) -> float:
    """Return the width of the title of a frame: name, activity, timers."""
    state = diagram.states[path]
    width = text_width(state.title, TITLE, bold=True) + 2 * PAD
    if state.activity:
        width += ICON + text_width(state.activity) + 12
    return width + sum(ICON + text_width(timer.short) + 12 for timer in state.timers)


def _up(length: float) -> float:
    return ceil(length / STEP) * STEP


def snapped(block: Block) -> Block:
    """Return the block with its size rounded up to the grid of arrows."""
    return replace(block, rect=Rect(0, 0, _up(block.rect.w), _up(block.rect.h)))


@dataclass(frozen=True, slots=True)
class _StraightArrow:
    """An arrow in the search: a straight line from middle to middle.

    `forward`: it follows the order of declaration. `others` are the blocks that it should not
    cross."""

    source: str
    target: str
    weight: float
    forward: bool
    others: Sequence[str]


@dataclass
class _Search:
    """The search for the arrangements of one chart with the lowest costs."""

    diagram: Diagram
    members: Mapping[str, Sequence[str]]
    blocks: Mapping[str, Block]
    arrows: Mapping[Pair, tuple[DrawnReaction, ...]]
    gaps: Gaps
    costs: dict[tuple[Grid, ...], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        order = {path: n for n, path in enumerate(self.diagram.states)}
        self.straight = [
            _StraightArrow(
                source,
                target,
                1 + 0.25 * min(len(reactions), 4),
                order[source] < order[target],
                [path for path in self.blocks if path not in (source, target)],
            )
            for (source, target), reactions in self.arrows.items()
            if not (self.diagram.within(source, target) or self.diagram.within(target, source))
        ]
        #: The indices of each two arrows without a common end: these should not cross.
        self.pairs = [
            (n, m)
            for (n, one), (m, other) in combinations(enumerate(self.straight), 2)
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
        """Return the frames in two orders, in which the search finds different improvements.

        The first is innermost first, the second outermost first."""
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
        """Yield the grids to try: each shape, and each swap of two cells in it or in `grid`."""
        paths = self.members[frame]
        for rows in range(1, len(paths) + 1):
            base = _in_rows(paths, rows)
            yield base
            for a, b in combinations(_cells(base), 2):
                yield _swapped(base, a, b)
        for a, b in combinations(_cells(grid), 2):
            yield _swapped(grid, a, b)

    def spread(self, grids: Mapping[str, Grid], gaps: Gaps) -> Placement:
        """Return the placement of an arrangement with these gaps, after a further search."""
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
        """Return the widths of the cells of each row, and the heights of the rows.

        Columns are aligned, unless the widths in one differ much."""
        heights = [max((sizes[p][1] for p in row if p), default=0.0) for row in grid]
        columns = [[sizes[p][0] for p in column if p] for column in zip(*grid, strict=True)]
        if all(max(column) <= 2.5 * min(column) for column in columns if column):
            aligned = [max(column, default=0.0) for column in columns]
            return [aligned for _ in grid], heights
        return [[sizes[p][0] for p in row if p] for row in grid], heights

    def edge(self, frame: str) -> float:
        if frame != TOP:
            return self.gaps.edge
        # The block in which the call begins has a dot and an arrow on its left.
        return MARGIN if self.diagram.roots[0] in self.members else 2 * MARGIN

    def cost(self, grids: Mapping[str, Grid], enough: float = inf) -> float:
        """Return `measure`, computed once: a search often comes back to the same grids.

        From `enough` on, it may be only a part of the cost: the search drops such grids."""
        key = tuple(grids[frame] for frame in self.members)
        cost = self.costs.get(key, 0.0)
        if cost < enough:
            cost = self.costs[key] = self.measure(grids, enough)
        return cost

    def measure(self, grids: Mapping[str, Grid], enough: float) -> float:
        """Return the cost, roughly in px of arrow: the lengths of arrows, and their crossings."""
        cost = 0.0
        for term in self.terms(self.rects(grids)):
            cost += term
            if cost >= enough:
                break
        return cost

    def terms(self, rects: Mapping[str, Rect]) -> Iterator[float]:
        """Yield the terms of the cost. None is below 0; the slowest to compute come last."""
        whole = rects[TOP]
        yield 0.3 * whole.w + 0.7 * whole.h
        yield 20 * max(0.0, whole.w - SCREEN_WIDTH) + 20 * max(0.0, whole.h - SCREEN_HEIGHT)
        for line in self.straight:
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
        ends = [(rects[line.source].middle, rects[line.target].middle) for line in self.straight]
        for one, other in self.pairs:
            if _cross(*ends[one], *ends[other]):
                yield 60
        for line, (start, end) in zip(self.straight, ends, strict=True):
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
    """Return True if the lines a-b and c-d cross."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = a, b, c, d
    if ((cx - ax) * (dy - ay) > (cy - ay) * (dx - ax)) == (
        (cx - bx) * (dy - by) > (cy - by) * (dx - bx)
    ):
        return False
    return ((bx - ax) * (cy - ay) > (by - ay) * (cx - ax)) != (
        (bx - ax) * (dy - ay) > (by - ay) * (dx - ax)
    )


def _meets(a: Point, b: Point, rect: Rect) -> bool:
    """Return True if the line a-b crosses the rectangle."""
    if max(a[0], b[0]) <= rect.x or min(a[0], b[0]) >= rect.right:
        return False
    if max(a[1], b[1]) <= rect.y or min(a[1], b[1]) >= rect.bottom:
        return False
    falling = ((rect.x, rect.y), (rect.right, rect.bottom))
    rising = ((rect.x, rect.bottom), (rect.right, rect.y))
    return _cross(a, b, *falling) or _cross(a, b, *rising)
