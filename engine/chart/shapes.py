"""Measures of a picture before it is drawn: rectangles, the width of a text, states as blocks.

A block is a state with everything in it, its children stacked from top to bottom along the flow.
All lengths are CSS px.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from engine.chart.diagram import Diagram, Reaction, Timer

#: Sizes of text, and the height of one line of it.
TITLE, SMALL, LINE = 13.0, 11.0, 14.0
#: Room taken by a little drawn sign (a clock, a triangle, a loop) before its text.
ICON = 14.0
PAD = 10.0

# Helvetica's and Arial's own advance widths, in 1/1000 em; everything else counts as one em.
_WIDTHS = {
    **dict.fromkeys("abdeghnopquL0123456789_+=<>?", 556),
    **dict.fromkeys("cksvxyzJ", 500),
    **dict.fromkeys("ijl'|", 222),
    **dict.fromkeys("ft .,:;/[]!I", 278),
    **dict.fromkeys('r()-"', 333),
    **dict.fromkeys("ABEKPSVXY", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("FTZ", 611),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("mM", 833),
    "W": 944,
}


def text_width(text: str, size: float = SMALL, *, bold: bool = False) -> float:
    """What the text takes at most: a tenth more than in Arial, for the fonts that stand in for it."""
    ems = sum(_WIDTHS.get(letter, 1000) for letter in text) / 1000
    return ems * size * (1.18 if bold else 1.1)


@dataclass(frozen=True, slots=True)
class Rect:
    """An upright rectangle: left, top, width, height."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.w / 2, self.y + self.h / 2

    def moved(self, dx: float, dy: float) -> Rect:
        return Rect(self.x + dx, self.y + dy, self.w, self.h)

    def grown(self, by: float) -> Rect:
        return Rect(self.x - by, self.y - by, self.w + 2 * by, self.h + 2 * by)

    def overlaps(self, other: Rect) -> bool:
        """Touching is no overlap."""
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )

    def holds(self, other: Rect) -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a label: a trigger, with a clock before it if it is a timer, and its guard."""

    text: str
    guard: str = ""
    timed: bool = False

    @property
    def width(self) -> float:
        guard = text_width(f" {self.guard}") if self.guard else 0
        return (ICON if self.timed else 0) + text_width(self.text) + guard


def size_of(lines: Sequence[Line]) -> tuple[float, float]:
    """Width and height of lines under one another."""
    return max((line.width for line in lines), default=0.0), LINE * len(lines)


def summary(reactions: Iterable[Reaction], everywhere: Sequence[Reaction]) -> tuple[Line, ...]:
    """One line a trigger, for an arrow that stands for all of `reactions`.

    A guard is worth its room only where another of the trigger's answers (among `everywhere`)
    leads somewhere else."""
    given = list(reactions)
    chosen = set(given)
    by_trigger: dict[tuple[str, bool], list[Reaction]] = defaultdict(list)
    for reaction in given:
        by_trigger[reaction.trigger, reaction.timer is not None].append(reaction)
    lines = []
    for (trigger, timed), same in by_trigger.items():
        homes = {(r.source, r.trigger) for r in same}
        rivals = [r for r in everywhere if (r.source, r.trigger) in homes and r not in chosen]
        guards = list(dict.fromkeys(r.guard for r in same)) if rivals else []
        guard = "" if None in guards else f"[{guards[0]}]" if len(guards) == 1 else "[…]" if guards else ""
        lines.append(Line(trigger, guard, timed))
    return tuple(lines)


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow inside a block, from one child to another, with its label.

    `points` and `label` are relative to the block's own corner."""

    points: tuple[tuple[float, float], ...]
    lines: tuple[Line, ...]
    label: Rect


@dataclass(frozen=True, slots=True)
class Block:
    """A state with everything inside it, at its place in the block around it."""

    path: str
    rect: Rect
    head: float
    timers: tuple[Timer, ...]
    again: tuple[Line, ...]
    children: tuple[Block, ...]
    links: tuple[Link, ...]
    start: tuple[float, float] | None

    def moved(self, dx: float, dy: float) -> Block:
        return replace(self, rect=self.rect.moved(dx, dy))


def block_of(diagram: Diagram, path: str) -> Block:
    """The state as a block at (0, 0), as small as its contents allow."""
    state = diagram.states[path]
    children = [block_of(diagram, child) for child in _along_the_flow(diagram, path)]
    again = summary(
        [r for r in diagram.transitions if _returns(diagram, path, r)], diagram.reactions
    )
    title = text_width(state.title, TITLE, bold=True)
    activity = ICON + text_width(state.activity) + 12 if state.activity else 0.0
    wide = [title + activity]
    wide += [ICON + text_width(timer.short) for timer in state.timers]
    wide += [ICON + line.width for line in again]
    head = 23 + LINE * (len(state.timers) + len(again)) + (2 if state.timers or again else 0)
    if not children:
        width = max([*wide, 60.0]) + 2 * PAD
        return Block(path, Rect(0, 0, width, head), head, state.timers, again, (), (), None)

    between = _between(diagram, path)
    order = [child.path for child in children]
    neighbours = {frozenset(pair) for pair in pairwise(order)}
    labels = {pair: summary(found, diagram.reactions) for pair, found in between.items()}
    widest = max(child.rect.w for child in children)
    near = [labels[pair] for pair in labels if frozenset(pair) in neighbours]
    widest = max(widest, *(size_of(lines)[0] + 34 for lines in near), 0.0)
    stacked, y = [], head + 17
    for n, child in enumerate(children):
        rect = Rect(PAD, y, widest, child.rect.h)
        stacked.append(replace(child, rect=rect))
        y = rect.bottom
        if n + 1 < len(children):
            down = labels.get((order[n], order[n + 1]), ())
            up = labels.get((order[n + 1], order[n]), ())
            y += max(LINE * (len(down) + len(up)) + 8, 12)
    links: list[Link] = []
    lane = PAD + widest
    for (a, b), lines in labels.items():
        here, there = order.index(a), order.index(b)
        source, target = stacked[here].rect, stacked[there].rect
        width, height = size_of(lines)
        if frozenset((a, b)) in neighbours:
            up = there < here
            opposite = len(labels.get((b, a), ()))
            top = min(source.bottom, target.bottom) + 4 + (LINE * opposite if up else 0)
            x = PAD + (24 if up else 12)
            ends = ((x, source.y), (x, target.bottom)) if up else ((x, source.bottom), (x, target.y))
            links.append(Link(ends, lines, Rect(PAD + 32, top, width, height)))
        else:
            lane += 14
            start, end = source.middle[1] + 4, target.middle[1] - 4
            edge = PAD + widest
            points = ((edge, start), (lane, start), (lane, end), (edge, end))
            middle = (start + end) / 2
            links.append(Link(points, lines, Rect(lane + 4, middle - height / 2, width, height)))
            lane += 4 + width
    width = max([*wide, lane - PAD]) + 2 * PAD
    return Block(
        path,
        Rect(0, 0, width, y + PAD),
        head,
        state.timers,
        again,
        tuple(stacked),
        tuple(links),
        (PAD + 12, stacked[0].rect.y),
    )


def _returns(diagram: Diagram, path: str, r: Reaction) -> bool:
    """Does it lead from the state to itself, or between it and its inside?"""
    if r.target is None or path not in (r.source, r.target):
        return False
    return diagram.within(r.target, path) and diagram.within(r.source, path)


def child_towards(diagram: Diagram, outer: str, path: str) -> str | None:
    """The child of `outer` that is `path` or holds it."""
    lineage = diagram.lineage(path)
    at = lineage.index(outer) + 1 if outer in lineage else len(lineage)
    return lineage[at] if at < len(lineage) else None


def _between(diagram: Diagram, outer: str) -> dict[tuple[str, str], list[Reaction]]:
    """The transitions from one child (or its inside) to another."""
    found: dict[tuple[str, str], list[Reaction]] = defaultdict(list)
    for reaction in diagram.transitions:
        assert reaction.target is not None
        ends = tuple(
            child_towards(diagram, outer, end) for end in (reaction.source, reaction.target)
        )
        if ends[0] and ends[1] and ends[0] != ends[1]:
            found[ends[0], ends[1]].append(reaction)
    return found


def _along_the_flow(diagram: Diagram, outer: str) -> list[str]:
    """The children, the initial one first, each next to where its arrows come from."""
    state = diagram.states[outer]
    if state.initial is None:
        return []
    links = _between(diagram, outer)
    order = [state.initial]
    rest = [child for child in state.children if child != state.initial]
    while rest:
        last = order[-1]
        # min is stable: where nothing is linked, the order of declaration stays.
        following = min(rest, key=lambda c: not ((last, c) in links or (c, last) in links))
        order.append(following)
        rest.remove(following)
    return order
