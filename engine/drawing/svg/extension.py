"""The places of the states in an extended chart.

The states of the base keep their places. An added state goes to a free place in its frame, or below
the other states, or right of them; the frames around it grow. All lengths are CSS px.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from statistics import fmean
from typing import Final, Literal

from callchart.engine.drawing.model import Diagram
from callchart.engine.drawing.svg.block import block_of
from callchart.engine.drawing.svg.placement import (
    MARGIN,
    TOP,
    Gaps,
    Placement,
    arrows_of,
    frame_title_width,
    snapped,
)
from callchart.engine.drawing.svg.shapes import STEP, Rect

#: The places for an addition, the preferred one first.
Side = Literal["corner", "below", "right"]
SIDES: Final[tuple[Side, ...]] = ("corner", "below", "right")
#: Room around an addition in a free place, across and down, and around a block that has grown.
CLEAR_ACROSS, CLEAR_DOWN, CLEAR_GROWN = 90.0, 50.0, 20.0


def extended(diagram: Diagram, base: Placement, gaps: Gaps, side: Side) -> Placement | None:
    """Return the placement of the base with the additions of the diagram.

    Return None if `side` is "corner" and no place is free."""
    growing = _Growing(diagram, base, gaps)
    growing.resize()
    for frame in (*reversed(diagram.frames), TOP):
        added = [p for p in diagram.added if (diagram.states[p].parent or TOP) == frame]
        for path in added:
            if not growing.add(path, frame, side):
                return None
    return growing.placement()


class _Growing:
    """A placement while states are added to it."""

    def __init__(self, diagram: Diagram, base: Placement, gaps: Gaps) -> None:
        self._diagram, self._gaps = diagram, gaps
        self._arrows = arrows_of(diagram)
        self._blocks = {path: snapped(block_of(diagram, path)) for path in diagram.blocks}
        self._rects = dict(base.frames) | {path: b.rect for path, b in base.blocks.items()}
        self._rects[TOP] = Rect(0, 0, base.width, base.height)
        self._frames = (TOP, *diagram.frames)

    def placement(self) -> Placement:
        whole = self._rects[TOP]
        return Placement(
            {path: self._rects[path] for path in self._diagram.frames},
            {path: replace(b, rect=self._rects[path]) for path, b in self._blocks.items()},
            self._arrows,
            whole.w,
            whole.h,
        )

    def resize(self) -> None:
        """Make room for blocks and titles that are larger than in the base."""
        for path, block in self._blocks.items():
            if path not in self._rects:
                continue
            old = self._rects[path]
            across, down = max(block.rect.w - old.w, 0.0), max(block.rect.h - old.h, 0.0)
            grown = Rect(old.x, old.y, old.w + across, old.h + down)
            if not self._is_clear(path, replace(old, w=grown.w)):
                self._insert(path, across, 0)
            if not self._is_clear(path, replace(old, h=grown.h)):
                self._insert(path, 0, down)
            self._rects[path] = grown
        for path in self._diagram.frames:
            wide = frame_title_width(self._diagram, path) - self._rects[path].w
            if wide > 0:
                self._insert(path, _up(wide), 0)
                self._rects[path] = replace(self._rects[path], w=self._rects[path].w + _up(wide))

    def add(self, path: str, frame: str, side: Side) -> bool:
        """Place an added state in its frame. Return False if there is no room."""
        size = self._blocks[path].rect
        if side == "corner":
            place = self._corner(path, frame)
            if place is None:
                return False
            self._rects[path] = place
            return True
        outer, edge = self._rects[frame], self._gaps.edge if frame else MARGIN
        column, row = self._partners(path)
        if side == "below":
            self._grow(frame, max(size.w + 2 * edge - outer.w, 0.0), size.h + self._gaps.down)
            left, right = outer.x + edge, self._rects[frame].right - edge - size.w
            x, y = _between(left, column - size.w / 2, right), outer.bottom - edge + self._gaps.down
        else:
            self._grow(frame, size.w + self._gaps.across, max(size.h + 2 * edge - outer.h, 0.0))
            top, bottom = outer.y + edge, self._rects[frame].bottom - edge - size.h
            x, y = outer.right - edge + self._gaps.across, _between(top, row - size.h / 2, bottom)
        self._rects[path] = Rect(_up(x), _up(y), size.w, size.h)
        return True

    def _corner(self, path: str, frame: str) -> Rect | None:
        """Return the free place in a frame that is nearest to the states linked with this one."""
        outer, size = self._rects[frame], self._blocks[path].rect
        column, row = self._partners(path)
        others = [
            rect
            for other, rect in self._rects.items()
            if other != frame and other not in self._around(frame)
        ]
        found = []
        for y in _steps(outer.y + 50, outer.bottom - 30 - size.h):
            for x in _steps(outer.x + 30, outer.right - 30 - size.w):
                free = Rect(
                    x - CLEAR_ACROSS,
                    y - CLEAR_DOWN,
                    size.w + 2 * CLEAR_ACROSS,
                    size.h + 2 * CLEAR_DOWN,
                )
                if not any(free.overlaps(rect) for rect in others):
                    far = abs(x + size.w / 2 - column) + abs(y + size.h / 2 - row)
                    found.append((far, Rect(x, y, size.w, size.h)))
        return min(found, key=lambda place: place[0])[1] if found else None

    def _partners(self, path: str) -> tuple[float, float]:
        """Return the mean position of the states that arrows link with this one."""
        near = [
            self._rects[other].middle
            for pair in self._arrows
            if path in pair
            for other in pair
            if other in self._rects and other != path and other not in self._frames
        ]
        if not near:
            return self._rects[TOP].middle
        return fmean(x for x, _ in near), fmean(y for _, y in near)

    def _is_clear(self, path: str, rect: Rect) -> bool:
        parent = self._diagram.states[path].parent or TOP
        around = (*self._around(parent), parent)
        room = rect.grown(CLEAR_GROWN)
        return not any(
            room.overlaps(other) for p, other in self._rects.items() if p not in (path, *around)
        ) and self._rects[parent].holds(rect.grown(10))

    def _around(self, path: str) -> tuple[str, ...]:
        return (TOP, *self._diagram.lineage(path)) if path else (TOP,)

    def _grow(self, frame: str, across: float, down: float) -> None:
        """Make a frame and the frames around it larger."""
        across, down = _up(across), _up(down)
        self._insert(frame, across, down)
        old = self._rects[frame]
        self._rects[frame] = Rect(old.x, old.y, old.w + across, old.h + down)

    def _insert(self, path: str, across: float, down: float) -> None:
        """Move the states right of this one or below it, and stretch the frames around it."""
        old = self._rects[path]
        around = {*self._around(self._diagram.states[path].parent or TOP)} if path else set()
        for other, r in self._rects.items():
            if other in around:
                self._rects[other] = Rect(r.x, r.y, r.w + across, r.h + down)
            elif other != path:
                right, below = r.x >= old.right, r.y >= old.bottom
                self._rects[other] = r.moved(across if right else 0, down if below else 0)


def _between(low: float, value: float, high: float) -> float:
    return max(low, min(value, high))


def _up(length: float) -> float:
    return -(-length // STEP) * STEP


def _steps(first: float, last: float) -> Iterator[float]:
    for n in count():
        value = _up(first) + n * STEP
        if value > last:
            return
        yield value
