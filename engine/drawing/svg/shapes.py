"""Measures of a picture before it is drawn: rectangles, the width of a text, states as blocks.

A block is a state with everything in it, its children stacked from top to bottom along the flow.
All lengths are CSS px.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from callchart.engine.drawing.model import Diagram, DrawnReaction, Timer

#: Sizes of text, and the height of one line of it.
TITLE, SMALL, LINE = 13.0, 11.0, 14.0
#: Room taken by a little drawn sign (a clock, a triangle, a loop) before its text.
ICON = 14.0
PAD = 10.0
#: Everything of the whole chart's picture stands on a grid of so many px: arrows have lanes.
STEP = 10

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
    """What the text takes: a tenth more than in Arial, for the fonts that stand in for it."""
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
        guard = text_width(f" {self.guard}") if self.guard else 0.0
        return (ICON if self.timed else 0) + text_width(self.text) + guard


def size_of(lines: Sequence[Line]) -> tuple[float, float]:
    """Width and height of lines under one another."""
    return max((line.width for line in lines), default=0.0), LINE * len(lines)


def wrapped(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The same with every guard on a line of its own: narrower and higher."""
    return tuple(
        part
        for line in lines
        for part in (
            (Line(line.text, "", line.timed), Line("", line.guard)) if line.guard else (line,)
        )
    )


def shortened(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The same, saying only that there is a guard."""
    return tuple(replace(line, guard="[…]" if line.guard else "") for line in lines)


def paired(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The same, two of a kind on a line where the first has no guard."""
    made: list[Line] = []
    for line in shortened(lines):
        last = made[-1] if made else None
        if last and not last.guard and last.timed == line.timed and ", " not in last.text:
            made[-1] = replace(line, text=f"{last.text}, {line.text}")
        else:
            made.append(line)
    return tuple(made)


def summary(
    reactions: Iterable[DrawnReaction], everywhere: Sequence[DrawnReaction]
) -> tuple[Line, ...]:
    """One line a trigger, for an arrow that stands for all of `reactions`.

    A guard is worth its room only where another of the trigger's answers (among `everywhere`)
    leads somewhere else."""
    given = list(reactions)
    chosen = set(given)
    by_trigger: dict[tuple[str, bool], list[DrawnReaction]] = defaultdict(list)
    for reaction in given:
        by_trigger[reaction.trigger, reaction.timer is not None].append(reaction)
    lines = []
    for (trigger, timed), same in by_trigger.items():
        homes = {(r.source, r.trigger) for r in same}
        rivals = [r for r in everywhere if (r.source, r.trigger) in homes and r not in chosen]
        guards = list(dict.fromkeys(r.guard for r in same)) if rivals else [None]
        guard = "[…]" if len(guards) > 1 else f"[{guards[0]}]"
        lines.append(Line(trigger, "" if None in guards else guard, timed))
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
    wide = [title + activity + (24 if state.final else 0)]
    wide += [ICON + text_width(timer.short) for timer in state.timers]
    wide += [ICON + line.width for line in again]
    head = 23 + LINE * (len(state.timers) + len(again)) + (2 if state.timers or again else 0)
    if not children:
        width = max([*wide, 60.0]) + 2 * PAD
        return Block(path, Rect(0, 0, width, head), head, state.timers, again, (), (), None)

    labels = {
        pair: summary(found, diagram.reactions) for pair, found in _between(diagram, path).items()
    }
    stacked = _stacked(children, labels, head + 17)
    links, right = _linked(stacked, labels)
    width = max([*wide, right - PAD]) + 2 * PAD
    height = stacked[-1].rect.bottom + PAD
    start = (PAD + 12, stacked[0].rect.y)
    whole = Rect(0, 0, width, height)
    return Block(path, whole, head, state.timers, again, stacked, links, start)


Labels = Mapping[tuple[str, str], tuple[Line, ...]]


def _stacked(children: Sequence[Block], labels: Labels, top: float) -> tuple[Block, ...]:
    """One under the other, equally wide, with room for the labels between neighbours."""
    neighbours = [{a.path, b.path} for a, b in pairwise(children)]
    near = [size_of(lines)[0] + 34 for pair, lines in labels.items() if set(pair) in neighbours]
    width = max([child.rect.w for child in children] + near)
    placed: list[Block] = []
    for child in children:
        if placed:
            above = placed[-1]
            down = labels.get((above.path, child.path), ())
            up = labels.get((child.path, above.path), ())
            top = above.rect.bottom + max(LINE * (len(down) + len(up)) + 8, 12)
        placed.append(replace(child, rect=Rect(PAD, top, width, child.rect.h)))
    return tuple(placed)


def _linked(stacked: Sequence[Block], labels: Labels) -> tuple[tuple[Link, ...], float]:
    """The arrows between stacked blocks, and how far to the right they reach.

    Neighbours are linked between them, others by a lane of their own on the right."""
    where = {block.path: n for n, block in enumerate(stacked)}
    edge = stacked[0].rect.right
    links, lane = [], edge
    for (a, b), lines in labels.items():
        source, target = stacked[where[a]].rect, stacked[where[b]].rect
        width, height = size_of(lines)
        points: tuple[tuple[float, float], ...]
        if where[b] == where[a] + 1:
            x, top = PAD + 12, source.bottom + 4
            points = ((x, source.bottom), (x, target.y))
            label = Rect(PAD + 32, top, width, height)
        elif where[b] == where[a] - 1:
            x, top = PAD + 24, target.bottom + 4 + LINE * len(labels.get((b, a), ()))
            points = ((x, source.y), (x, target.bottom))
            label = Rect(PAD + 32, top, width, height)
        else:
            lane += 14
            start, end = source.middle[1] + 4, target.middle[1] - 4
            points = ((edge, start), (lane, start), (lane, end), (edge, end))
            label = Rect(lane + 4, (start + end - height) / 2, width, height)
            lane += 4 + width
        links.append(Link(points, lines, label))
    return tuple(links), lane


def _returns(diagram: Diagram, path: str, r: DrawnReaction) -> bool:
    """Does it lead from the state to itself, or between it and its inside?"""
    if r.target is None or path not in (r.source, r.target):
        return False
    return diagram.within(r.target, path) and diagram.within(r.source, path)


def child_towards(diagram: Diagram, outer: str, path: str) -> str | None:
    """The child of `outer` that is `path` or holds it."""
    lineage = diagram.lineage(path)
    at = lineage.index(outer) + 1 if outer in lineage else len(lineage)
    return lineage[at] if at < len(lineage) else None


def _between(diagram: Diagram, outer: str) -> dict[tuple[str, str], list[DrawnReaction]]:
    """The transitions from one child (or its inside) to another."""
    found: dict[tuple[str, str], list[DrawnReaction]] = defaultdict(list)
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
