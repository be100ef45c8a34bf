"""The points that arrows run along, `STEP` px apart, and marks on them.

Points have numbers, row by row: so a step is an addition, and a row of a rectangle is a slice. A
mark is one byte for each point: Python searches and counts slices of bytes quickly.
"""

from __future__ import annotations

from collections.abc import Iterator

from callchart.engine.drawing.svg.shapes import STEP, Rect

#: The directions of a step.
RIGHT, DOWN, LEFT, UP = range(4)
#: For each direction of a step, those of the next step: all but back.
WAYS = ((RIGHT, DOWN, UP), (RIGHT, DOWN, LEFT), (DOWN, LEFT, UP), (RIGHT, LEFT, UP))
#: The way that a line runs at a point: level, upright or round a corner. `RUNS` has that of a
#: step, by its direction.
LEVEL, UPRIGHT, CORNER = 1, 2, 4
RUNS = (LEVEL, UPRIGHT, LEVEL, UPRIGHT)


class Grid:
    """The points of a picture of `width` x `height` px."""

    def __init__(self, width: float, height: float) -> None:
        self.columns, self.rows = int(width // STEP) + 1, int(height // STEP) + 1
        #: For each direction, the number that a step adds to a point.
        self.steps = (1, self.columns, -1, -self.columns)

    def marks(self) -> bytearray:
        """Return a mark of 0 for every point."""
        return bytearray(self.columns * self.rows)

    def number(self, column: int, row: int) -> int:
        """Return the number of the point."""
        return row * self.columns + column

    def place(self, point: int) -> tuple[int, int]:
        """Return the column and the row of the point."""
        row, column = divmod(point, self.columns)
        return column, row

    def rows_in(self, rect: Rect) -> Iterator[tuple[int, int]]:
        """Yield the points inside or on the border, as one slice (first, end) for each row."""
        first = max(int(-(-rect.x // STEP)), 0)
        end = min(int(rect.right // STEP) + 1, self.columns)
        top = max(int(-(-rect.y // STEP)), 0)
        bottom = min(int(rect.bottom // STEP) + 1, self.rows)
        for row in range(top * self.columns, bottom * self.columns, self.columns):
            yield row + first, row + end

    def points_in(self, rect: Rect) -> Iterator[int]:
        """Yield the points inside or on the border."""
        return (point for first, end in self.rows_in(rect) for point in range(first, end))

    def border(self, rect: Rect) -> Iterator[tuple[int, int]]:
        """Yield the points of the border, and its run there; a corner comes twice."""
        left, top, right, bottom = self._sides(rect)
        for column in range(left, right + 1):
            yield self.number(column, top), LEVEL
            yield self.number(column, bottom), LEVEL
        for row in range(top, bottom + 1):
            yield self.number(left, row), UPRIGHT
            yield self.number(right, row), UPRIGHT

    def ports(self, rect: Rect, *, inwards: bool) -> Iterator[tuple[int, int]]:
        """Yield the points where an arrow may touch the border, and its direction; no corners."""
        left, top, right, bottom = self._sides(rect)
        for row in range(top + 1, bottom):
            yield self.number(left, row), RIGHT if inwards else LEFT
            yield self.number(right, row), LEFT if inwards else RIGHT
        for column in range(left + 2, right - 1):
            yield self.number(column, top), DOWN if inwards else UP
            yield self.number(column, bottom), UP if inwards else DOWN

    @staticmethod
    def _sides(rect: Rect) -> tuple[int, int, int, int]:
        ends = rect.x, rect.y, rect.right, rect.bottom
        left, top, right, bottom = (int(end // STEP) for end in ends)
        return left, top, right, bottom
