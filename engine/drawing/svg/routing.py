"""Routes of arrows, with right angles, and the places of their labels.

Everything lies on a grid of `STEP` px. An arrow is the cheapest path from any point of its source's
border to any point of its target's border (A*). Bends and crossings cost extra. An arrow cannot run
along another arrow, through a block or through a label. A label lies next to its own arrow, and
later arrows go around it. This module knows only rectangles, no states.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import inf

from callchart.engine.drawing.svg.grid import CORNER, LEVEL, RUNS, UPRIGHT, WAYS, Grid
from callchart.engine.drawing.svg.shapes import STEP, Rect

Point = tuple[int, int]
#: The identity of an arrow: the names of its ends.
Key = tuple[str, str]
#: Left, top, right, bottom.
Box = tuple[float, float, float, float]

#: The weight of the estimate in A*: above 1, A* tries fewer paths, and may miss the cheapest.
ASTAR_WEIGHT = 1.3
#: The costs of the forms of a label, the best form first.
FORM_COSTS = (0.0, 2.0, 9.0, 18.0)
BEND, CROSSING, BORDER, FOREIGN_FRAME, NEAR = 5.0, 6.0, 1.0, 25.0, 1.2

#: Marks of a point: in a block, next to a block, at the edge of the picture.
SOLID, NEXT_TO, EDGE = 1, 2, 4


@dataclass(frozen=True, slots=True)
class EdgeRequest:
    """An arrow to route: from one rectangle to another, with a label.

    `sizes` are the sizes of the forms of the label, the best first. `frames` contain one end of the
    arrow: it must cross their borders, and should not cross others. `leaving`: the source is a
    frame around the target. `entering`: the target is a frame around the source."""

    key: Key
    source: Rect
    target: Rect
    sizes: tuple[tuple[float, float], ...]
    frames: frozenset[Rect]
    leaving: bool = False
    entering: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The grid points from border to border, and the place of the label; None without room.

    `form` is the index of the form of the label."""

    points: tuple[Point, ...]
    label: Rect | None
    form: int = 0


@dataclass
class Router:
    """The routes in one picture of `width` x `height` px.

    No arrow and no label may touch the rectangles in `solid`. An arrow may cross the borders of
    `frames` only at a right angle. All rectangles lie within the picture."""

    width: float
    height: float
    solid: Sequence[Rect]
    frames: Sequence[Rect]
    routes: dict[Key, Route] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._grid = grid = Grid(self.width, self.height)
        self._solid = [_box(rect) for rect in self.solid]
        self._ground = grid.marks()
        for point, _ in grid.border(Rect(0, 0, self.width, self.height)):
            self._ground[point] |= EDGE
        for rect in self.solid:
            for point in grid.points_in(rect):
                self._ground[point] |= SOLID
            for point in grid.points_in(rect.grown(STEP)):
                self._ground[point] |= NEXT_TO
        #: The runs of the borders of frames, and the numbers of the frames at a point.
        self._borders = grid.marks()
        self._frames_at: dict[int, list[int]] = {}
        for n, frame in enumerate(self.frames):
            for point, run in grid.border(frame):
                self._borders[point] |= run
                self._frames_at.setdefault(point, []).append(n)
        #: The runs of the arrows (both where two cross), and the number of labels at a point.
        self._lines, self._labels = grid.marks(), grid.marks()

    def route(self, requests: Sequence[EdgeRequest]) -> Mapping[Key, Route]:
        """Route all arrows, the shortest first. Then route them twice more, around all the others.

        Arrows without room are first the next time. Stop early if two or more have no room."""
        ordered = sorted(requests, key=lambda w: _distance(w.source, w.target))
        for _ in range(3):
            for request in ordered:
                self._forget(request.key)
                self._route(request)
            ordered.sort(key=self.is_complete)
            if len(requests) >= 3 and not self.is_complete(ordered[1]):
                break  # the gaps are too small
        return self.routes

    def is_complete(self, request: EdgeRequest) -> bool:
        """Return True if the arrow has a path, and room for its label."""
        return request.key in self.routes and self.routes[request.key].label is not None

    def _route(self, request: EdgeRequest, attempts: int = 4) -> None:
        """Take a cheap path with room for the label, or else the cheapest path."""
        avoid: dict[int, float] = {}
        first: Route | None = None
        for _ in range(attempts):
            points = self._path(request, avoid)
            if points is None:
                break
            label, form = self._label(request, points)
            if label or first is None:
                first = Route(points, label, form)
            if label:
                break
            for place in points:
                point = self._grid.number(*place)
                avoid[point] = avoid.get(point, 0.0) + 1.5
        if first:
            self.routes[request.key] = first
            self._draw(self._lines, first.points)
            self._count(first.label, 1)

    def _forget(self, key: Key) -> None:
        route = self.routes.pop(key, None)
        if route:
            self._draw(self._lines, route.points)
            self._count(route.label, -1)

    def _draw(self, marks: bytearray, points: Sequence[Point]) -> None:
        """Mark an arrow; the second time, clear its marks. No other arrow has the same marks."""
        ends = zip((points[0], *points), points, (*points[1:], points[-1]), strict=False)
        for before, place, after in ends:
            upright, level = before[0] == after[0], before[1] == after[1]
            run = UPRIGHT if upright else LEVEL if level else CORNER
            marks[self._grid.number(*place)] ^= run

    def _count(self, label: Rect | None, by: int) -> None:
        for point in self._grid.points_in(label.grown(4)) if label else ():
            self._labels[point] += by

    # --- paths -----------------------------------------------------------------------------------

    def _path(self, request: EdgeRequest, avoid: Mapping[int, float]) -> tuple[Point, ...] | None:
        grid, lines, borders = self._grid, self._lines, self._borders
        goals = dict(self._free_ports(request.target, inwards=not request.entering))
        tolls = [BORDER if frame in request.frames else FOREIGN_FRAME for frame in self.frames]
        across, down = self._estimates(request)
        order = count()
        queue: list[tuple[float, int, float, int]] = []
        # A point and a direction are one number, because these dictionaries are read very often.
        came: dict[int, int] = {}
        best: dict[int, float] = {}

        def reach(state: int, cost: float, before: int) -> None:
            best[state], came[state] = cost, before
            row, column = divmod(state // 4, grid.columns)
            rest = ASTAR_WEIGHT * (across[column] + down[row])
            heappush(queue, (cost + rest, next(order), cost, state))

        for point, heading in self._free_ports(request.source, inwards=request.leaving):
            reach(4 * point + heading, self._off_centre(point, request.source), -1)
        while queue:
            _, _, cost, state = heappop(queue)
            if cost > best[state]:
                continue
            point, heading = divmod(state, 4)
            start = came[state] < 0
            if goals.get(point) == heading and not start:
                return self._traced(came, state)
            bends = not (start or lines[point] or borders[point])
            for direction in WAYS[heading] if bends else (heading,):
                after = point + grid.steps[direction]
                least = 1.0 if direction == heading else 1.0 + BEND
                known = best.get(4 * after + direction, inf)
                if cost + least >= known:
                    continue
                arriving = goals.get(after) == direction
                price = self._price(after, direction, least, tolls, arriving)
                if price is None:
                    continue
                if after in goals:
                    price += self._off_centre(after, request.target)
                total = cost + price + avoid.get(after, 0.0)
                if total < known:
                    reach(4 * after + direction, total, state)
        return None

    def _price(
        self, point: int, direction: int, least: float, tolls: Sequence[float], arriving: bool
    ) -> float | None:
        """Return the cost of a step to the point, at least `least`; None if it is impossible."""
        ground, border, others = self._ground[point], self._borders[point], self._lines[point]
        run = RUNS[direction]
        if ground & EDGE or self._labels[point]:
            return None
        if not arriving and (ground & SOLID or (border | others) & run or others & CORNER):
            return None
        price = least
        if others:
            price += CROSSING
        if border:
            for frame in self._frames_at[point]:
                price += tolls[frame]
        if ground & NEXT_TO:
            price += 0.4
        side = self._grid.steps[direction - 1]
        for near in (point + side, point - side):
            if self._lines[near] & run:
                price += NEAR
        return price

    def _estimates(self, request: EdgeRequest) -> tuple[list[float], list[float]]:
        """Return the shortest distance to the target, from each column and from each row."""
        grid, target = self._grid, request.target
        if request.entering:
            return [0.0] * grid.columns, [0.0] * grid.rows
        left, right = target.x / STEP, target.right / STEP
        top, bottom = target.y / STEP, target.bottom / STEP
        return (
            [max(left - x, x - right, 0.0) for x in range(grid.columns)],
            [max(top - y, y - bottom, 0.0) for y in range(grid.rows)],
        )

    def _free_ports(self, rect: Rect, *, inwards: bool) -> Iterator[tuple[int, int]]:
        """Yield the ports of a rectangle that have no arrow at them or next to them."""
        lines, columns = self._lines, self._grid.columns
        for port, heading in self._grid.ports(rect, inwards=inwards):
            level = lines[port - 1] or lines[port + 1]
            if not (lines[port] or level or lines[port - columns] or lines[port + columns]):
                yield port, heading

    def _off_centre(self, point: int, rect: Rect) -> float:
        x, y = rect.middle
        column, row = self._grid.place(point)
        return 2.0 * min(abs(column * STEP - x) / rect.w, abs(row * STEP - y) / rect.h)

    def _traced(self, came: Mapping[int, int], state: int) -> tuple[Point, ...]:
        points = []
        while state >= 0:
            points.append(self._grid.place(state // 4))
            state = came[state]
        return tuple(reversed(points))

    # --- labels ----------------------------------------------------------------------------------

    def _label(self, request: EdgeRequest, points: Sequence[Point]) -> tuple[Rect | None, int]:
        """Return the cheapest place for the label, and its form; of equal places, the first."""
        own = self._grid.marks()
        self._draw(own, points)
        labels = [_box(route.label) for route in self.routes.values() if route.label]
        spots = (
            (cost + FORM_COSTS[form], rect, form)
            for form, size in enumerate(request.sizes)
            for cost, rect in self._spots(points, size)
        )
        found: tuple[float, int, Rect | None, int] = (inf, 0, None, 0)
        for n, (cost, rect, form) in sorted(enumerate(spots), key=lambda spot: spot[1][0]):
            if (cost, n) > found[:2]:
                break  # all others cost more
            extra = self._label_price(rect, own, labels)
            if extra is not None:
                found = min(found, (cost + extra, n, rect, form))
        return found[2], found[3]

    def _spots(
        self, points: Sequence[Point], size: tuple[float, float]
    ) -> Iterator[tuple[float, Rect]]:
        """Yield places next to the arrow or on it, cheaper near the middle of a straight part."""
        width, height = size
        middle = (len(points) - 1) / 2
        for first, last in _straights(points):
            upright = points[first][0] == points[last][0]
            room = STEP * (last - first) - (height if upright else width)
            for n in range(first, last + 1):
                x, y = points[n][0] * STEP, points[n][1] * STEP
                if upright:
                    corners = [(x + 6, y - height / 2, 0.0), (x - 6 - width, y - height / 2, 0.0)]
                else:
                    corners = [(x - width / 2, y - 4 - height, 0.0), (x - width / 2, y + 4, 0.3)]
                visible = STEP * min(n - first, last - n) - (height if upright else width) / 2
                if visible >= 20:
                    # The label may lie on the arrow if it has one or two lines.
                    corners.append((x - width / 2, y - height / 2, 1.0 + height / 14))
                cost = 12 * abs(n - middle) / len(points) + max(-room, 0) / 12
                cost += abs(n - (first + last) / 2) * 0.1
                for left, top, price in corners:
                    yield cost + price, Rect(left, top, width, height)

    def _label_price(self, rect: Rect, own: bytearray, labels: Sequence[Box]) -> float | None:
        if rect.x < 8 or rect.y < 8 or rect.right > self.width - 8 or rect.bottom > self.height - 8:
            return None
        if _overlaps(rect.grown(3), self._solid) or _overlaps(rect.grown(6), labels):
            return None
        price = 0.0
        for first, end in self._grid.rows_in(rect.grown(5)):
            if self._lines.count(0, first, end) < end - first:
                return None
            price += 0.5 * (end - first - own.count(0, first, end))
            price += 1.5 * (end - first - self._borders.count(0, first, end))
        for first, end in self._grid.rows_in(rect.grown(3)):
            if own.find(CORNER, first, end) >= 0:
                return None
        for first, end in self._grid.rows_in(rect.grown(14)):
            price += 0.15 * (end - first - self._lines.count(0, first, end))
        return price


def _box(rect: Rect) -> Box:
    return rect.x, rect.y, rect.right, rect.bottom


def _overlaps(rect: Rect, boxes: Iterable[Box]) -> bool:
    """Return whether the rectangle overlaps any of the boxes."""
    left, top, right, bottom = _box(rect)
    return any(
        left < their_right and x < right and top < their_bottom and y < bottom
        for x, y, their_right, their_bottom in boxes
    )


def _straights(points: Sequence[Point]) -> Iterable[tuple[int, int]]:
    """Yield the indices (first, last) of every straight part."""
    first = 0
    for n in range(1, len(points)):
        ends = n == len(points) - 1
        turns = not ends and not (
            points[n - 1][0] == points[n + 1][0] or points[n - 1][1] == points[n + 1][1]
        )
        if ends or turns:
            yield first, n
            first = n


def _distance(a: Rect, b: Rect) -> float:
    dx = max(a.x - b.right, b.x - a.right, 0.0)
    return dx + max(a.y - b.bottom, b.y - a.bottom, 0.0)
