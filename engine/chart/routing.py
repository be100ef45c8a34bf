"""Arrows with right angles around what stands in the way, and their labels where there is room.

Everything lies on a grid of `STEP` px. An arrow is the cheapest path from any point of its source's
border to any of its target's (A*): bends and crossings cost, running along another arrow, through a
block or through a label is impossible. A label lies beside its own arrow; the arrows drawn later
go round it. Nothing here knows states: only rectangles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from engine.chart.shapes import STEP, Rect

Point = tuple[int, int]
#: What an arrow is called: the names of its ends.
Key = tuple[str, str]
RIGHT, DOWN, LEFT, UP = (1, 0), (0, 1), (-1, 0), (0, -1)
DIRECTIONS = (RIGHT, DOWN, LEFT, UP)

#: More than 1 looks at fewer paths, and may miss the very cheapest.
HASTE = 1.3
#: What a label's second and third form cost.
FORMS = (0.0, 2.0, 9.0)
BEND, CROSSING, BORDER, FOREIGN_FRAME, NEAR = 5.0, 6.0, 1.0, 25.0, 1.2


@dataclass(frozen=True, slots=True)
class Wish:
    """An arrow to route: from one rectangle to another, with a label.

    `sizes` are those of the label's forms, the most welcome first. `frames` hold one end and not
    the other: their borders must be crossed, all others should not. `leaving` says that the source
    is a frame around the target, `entering` the converse."""

    key: Key
    source: Rect
    target: Rect
    sizes: tuple[tuple[float, float], ...]
    frames: frozenset[Rect]
    leaving: bool = False
    entering: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Grid points from border to border, and the label's place (None: there was no room).

    `form` says which of the label's forms it is."""

    points: tuple[Point, ...]
    label: Rect | None
    form: int = 0


@dataclass
class Router:
    """Routes wishes over one picture of `width` x `height` px.

    `solid` are rectangles that no arrow and no label may touch, `frames` those whose border an
    arrow may only cross straight."""

    width: float
    height: float
    solid: Sequence[Rect]
    frames: Sequence[Rect]
    routes: dict[Key, Route] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.columns, self.rows = int(self.width // STEP), int(self.height // STEP)
        self._blocked: set[Point] = set()
        self._near: set[Point] = set()
        for rect in self.solid:
            self._blocked.update(_points_in(rect))
            self._near.update(_points_in(rect.grown(STEP)))
        self._borders: dict[Point, list[tuple[Rect, bool]]] = {}
        for frame in self.frames:
            for point, upright in _border(frame):
                self._borders.setdefault(point, []).append((frame, upright))
        self._labelled: dict[Key, frozenset[Point]] = {}
        self._taken: dict[Point, dict[Key, bool | None]] = {}

    def route(self, wishes: Sequence[Wish]) -> Mapping[Key, Route]:
        """All of them, shortest first; then twice again, each knowing where the others are.

        Whoever found no room chooses first next time; where many found none, it is given up."""
        ordered = sorted(wishes, key=lambda w: _distance(w.source, w.target))
        for _ in range(3):
            for wish in ordered:
                self._forget(wish.key)
                self._route(wish)
            ordered.sort(key=self.is_complete)
            if len(wishes) >= 3 and not self.is_complete(ordered[1]):
                break  # two without room: the picture is too tight
        return self.routes

    def is_complete(self, wish: Wish) -> bool:
        """Has it found a path, and room for its label?"""
        return wish.key in self.routes and self.routes[wish.key].label is not None

    def _route(self, wish: Wish, attempts: int = 4) -> None:
        """The cheapest path that has room for the label; failing that, the cheapest path."""
        avoid: dict[Point, float] = {}
        first: Route | None = None
        for _ in range(attempts):
            points = self._path(wish, avoid)
            if points is None:
                break
            self._take(wish.key, points)
            label, form = self._label(wish, points)
            self._release(wish.key, points)
            if label or first is None:
                first = Route(points, label, form)
            if label:
                break
            for point in points:
                avoid[point] = avoid.get(point, 0.0) + 1.5
        if first:
            self.routes[wish.key] = first
            self._take(wish.key, first.points)
            if first.label:
                self._labelled[wish.key] = frozenset(_points_in(first.label.grown(4)))

    # --- which points belong to whom -----------------------------------------------------------

    def _forget(self, key: Key) -> None:
        route = self.routes.pop(key, None)
        self._labelled.pop(key, None)
        if route:
            self._release(key, route.points)

    def _release(self, key: Key, points: Iterable[Point]) -> None:
        for point in points:
            del self._taken[point][key]

    def _take(self, key: Key, points: Sequence[Point]) -> None:
        for n, point in enumerate(points):
            before, after = points[max(n - 1, 0)], points[min(n + 1, len(points) - 1)]
            straight = before[0] == after[0] or before[1] == after[1]
            upright = (before[0] == after[0]) if straight else None
            self._taken.setdefault(point, {})[key] = upright

    def _labels(self) -> set[Point]:
        return {point for points in self._labelled.values() for point in points}

    # --- paths -----------------------------------------------------------------------------------

    def _path(self, wish: Wish, avoid: Mapping[Point, float]) -> tuple[Point, ...] | None:
        labels = self._labels()
        goals = {
            point: heading
            for point, heading in _doors(wish.target, inwards=not wish.entering)
            if not self._occupied(point)
        }
        tx, ty = wish.target.x / STEP, wish.target.y / STEP
        tr, tb = wish.target.right / STEP, wish.target.bottom / STEP

        def left(x: int, y: int) -> float:
            if wish.entering:
                return 0.0
            return HASTE * (max(tx - x, x - tr, 0.0) + max(ty - y, y - tb, 0.0))

        queue: list[tuple[float, int, float, Point, Point]] = []
        came: dict[tuple[Point, Point], tuple[Point, Point] | None] = {}
        best: dict[tuple[Point, Point], float] = {}
        count = 0
        for point, heading in _doors(wish.source, inwards=wish.leaving):
            if self._occupied(point):
                continue
            cost = self._off_centre(point, wish.source)
            best[point, heading] = cost
            came[point, heading] = None
            heappush(queue, (cost + left(*point), count, cost, point, heading))
            count += 1
        while queue:
            _, _, cost, point, heading = heappop(queue)
            if cost > best[point, heading]:
                continue
            if goals.get(point) == heading and came[point, heading] is not None:
                return _traced(came, (point, heading))
            start = came[point, heading] is None
            for direction in DIRECTIONS:
                if direction != heading and (start or direction == (-heading[0], -heading[1])):
                    continue
                after = point[0] + direction[0], point[1] + direction[1]
                price = self._price(wish, point, after, heading, direction, labels, goals)
                if price is None:
                    continue
                if after in goals:
                    price += self._off_centre(after, wish.target)
                total = cost + price + avoid.get(after, 0.0)
                if total < best.get((after, direction), 1e9):
                    best[after, direction] = total
                    came[after, direction] = (point, heading)
                    heappush(queue, (total + left(*after), count, total, after, direction))
                    count += 1
        return None

    def _price(
        self,
        wish: Wish,
        point: Point,
        after: Point,
        heading: Point,
        direction: Point,
        labels: set[Point],
        goals: Mapping[Point, Point],
    ) -> float | None:
        """What one step costs; None where it is impossible."""
        if not (0 < after[0] < self.columns and 0 < after[1] < self.rows) or after in labels:
            return None
        arriving = goals.get(after) == direction
        if after in self._blocked and not arriving:
            return None
        upright = direction[0] == 0
        price = 1.0
        if direction != heading:
            price += BEND
            if self._taken.get(point) or point in self._borders:
                return None
        for other in self._taken.get(after, {}).values():
            if other is None or other == upright or arriving:
                return None
            price += CROSSING
        for frame, along in self._borders.get(after, ()):
            if along == upright and not arriving:
                return None
            price += BORDER if frame in wish.frames else FOREIGN_FRAME
        if after in self._near:
            price += 0.4
        (x, y), (dx, dy) = after, direction
        for side in ((x + dy, y + dx), (x - dy, y - dx)):
            beside = self._taken.get(side)
            if beside and upright in beside.values():
                price += NEAR
        return price

    def _occupied(self, point: Point) -> bool:
        """Is there a line at this door, or right beside it?"""
        x, y = point
        return any(
            self._taken.get(p) for p in (point, (x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1))
        )

    @staticmethod
    def _off_centre(point: Point, rect: Rect) -> float:
        x, y = rect.middle
        sides = (abs(point[0] * STEP - x) / rect.w, abs(point[1] * STEP - y) / rect.h)
        return 2.0 * min(sides)

    # --- labels ----------------------------------------------------------------------------------

    def _label(self, wish: Wish, points: Sequence[Point]) -> tuple[Rect | None, int]:
        found: tuple[float, Rect | None, int] = (1e9, None, 0)
        for form, size in enumerate(wish.sizes):
            for cost, rect in self._spots(points, size):
                if cost + FORMS[form] < found[0]:
                    extra = self._label_price(wish, rect)
                    if extra is not None and cost + extra + FORMS[form] < found[0]:
                        found = (cost + extra + FORMS[form], rect, form)
        return found[1], found[2]

    def _spots(
        self, points: Sequence[Point], size: tuple[float, float]
    ) -> Iterator[tuple[float, Rect]]:
        """Places beside or on the arrow; nearer to the middle of a long stretch is cheaper."""
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
                    # The line runs through behind it: fine for a line or two of text.
                    corners.append((x - width / 2, y - height / 2, 1.0 + height / 14))
                cost = 12 * abs(n - middle) / len(points) + max(-room, 0) / 12
                cost += abs(n - (first + last) / 2) * 0.1
                for left, top, price in corners:
                    yield cost + price, Rect(left, top, width, height)

    def _label_price(self, wish: Wish, rect: Rect) -> float | None:
        if rect.x < 8 or rect.y < 8 or rect.right > self.width - 8 or rect.bottom > self.height - 8:
            return None
        room = rect.grown(3)
        if any(room.overlaps(solid) for solid in self.solid):
            return None
        for route in self.routes.values():
            if route.label and rect.grown(6).overlaps(route.label):
                return None
        price = 0.0
        for point in _points_in(rect.grown(5)):
            keys = self._taken.get(point)
            if keys and any(key != wish.key for key in keys):
                return None
            if keys:
                if keys[wish.key] is None and rect.grown(3).holds(_at(point)):
                    return None
                price += 0.5
            if point in self._borders:
                price += 1.5
        for point in _points_in(rect.grown(14)):
            keys = self._taken.get(point)
            if keys and any(key != wish.key for key in keys):
                price += 0.15
        return price


def _at(point: Point) -> Rect:
    return Rect(point[0] * STEP, point[1] * STEP, 0, 0)


def _points_in(rect: Rect) -> Iterator[Point]:
    """The grid points inside or on the border."""
    for x in range(int(-(-rect.x // STEP)), int(rect.right // STEP) + 1):
        for y in range(int(-(-rect.y // STEP)), int(rect.bottom // STEP) + 1):
            yield x, y


def _border(rect: Rect) -> Iterator[tuple[Point, bool]]:
    """Its points, and whether the border runs upright there."""
    x, y = int(rect.x // STEP), int(rect.y // STEP)
    right, bottom = int(rect.right // STEP), int(rect.bottom // STEP)
    for column in range(x, right + 1):
        yield (column, y), False
        yield (column, bottom), False
    for row in range(y, bottom + 1):
        yield (x, row), True
        yield (right, row), True


def _doors(rect: Rect, *, inwards: bool) -> Iterator[tuple[Point, Point]]:
    """Where an arrow may touch the border (not at a corner), and which way it goes there."""
    x, y = int(rect.x // STEP), int(rect.y // STEP)
    right, bottom = int(rect.right // STEP), int(rect.bottom // STEP)
    sign = 1 if inwards else -1
    for row in range(y + 1, bottom):
        yield (x, row), (sign, 0)
        yield (right, row), (-sign, 0)
    for column in range(x + 2, right - 1):
        yield (column, y), (0, sign)
        yield (column, bottom), (0, -sign)


def _traced(
    came: Mapping[tuple[Point, Point], tuple[Point, Point] | None], end: tuple[Point, Point]
) -> tuple[Point, ...]:
    points = []
    at: tuple[Point, Point] | None = end
    while at is not None:
        points.append(at[0])
        at = came[at]
    return tuple(reversed(points))


def _straights(points: Sequence[Point]) -> Iterable[tuple[int, int]]:
    """(first, last) index of every straight stretch."""
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
