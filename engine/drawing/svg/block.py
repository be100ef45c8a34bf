"""A state as a block, with the states inside it, which are stacked from top to bottom.

All lengths are CSS px.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from callchart.engine.drawing.model import Diagram, DrawnReaction, Timer
from callchart.engine.drawing.svg.labels import Line, size_of, summary
from callchart.engine.drawing.svg.shapes import ICON, PAD, Rect
from callchart.engine.drawing.svg.text import LINE, TITLE, text_width


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow inside a block, from one child to another, with its label.

    `points` and `label` are relative to the corner of the block."""

    pair: tuple[str, str]
    reactions: tuple[DrawnReaction, ...]
    points: tuple[tuple[float, float], ...]
    lines: tuple[Line, ...]
    label: Rect


@dataclass(frozen=True, slots=True)
class Block:
    """A state with the states inside it, at its place in the block around it.

    `head` is the height above the children. `again` are the lines with a loop, `returns` their
    reactions. The arrow from the initial dot ends at `start`, which is None for a leaf."""

    path: str
    rect: Rect
    head: float
    timers: tuple[Timer, ...]
    again: tuple[Line, ...]
    returns: tuple[DrawnReaction, ...]
    children: tuple[Block, ...]
    links: tuple[Link, ...]
    start: tuple[float, float] | None

    def moved(self, dx: float, dy: float) -> Block:
        return replace(self, rect=self.rect.moved(dx, dy))


def block_of(diagram: Diagram, path: str) -> Block:
    """Return the state as a block at (0, 0), as small as its contents allow."""
    state = diagram.states[path]
    children = [block_of(diagram, child) for child in _along_the_flow(diagram, path)]
    returns = tuple(r for r in diagram.transitions if _returns(diagram, path, r))
    again = summary(returns, diagram.reactions)
    title = text_width(state.title, TITLE, bold=True)
    activity = ICON + text_width(state.activity) + 12 if state.activity else 0.0
    wide = [title + activity + (24 if state.final else 0)]
    wide += [ICON + text_width(timer.short) for timer in state.timers]
    wide += [ICON + line.width for line in again]
    wide += [text_width(line) for line in state.summary]
    lines = len(state.timers) + len(again) + len(state.summary)
    head = 23 + LINE * lines + (2 if lines else 0)
    if not children:
        width = max([*wide, 60.0]) + 2 * PAD
        whole = Rect(0, 0, width, head)
        return Block(path, whole, head, state.timers, again, returns, (), (), None)

    between = _between(diagram, path)
    labels = _labels(diagram, children, between)
    stacked = _stacked(children, labels, head + 17)
    links, right = _linked(stacked, labels, between)
    width = max([*wide, right - PAD]) + 2 * PAD
    height = stacked[-1].rect.bottom + PAD
    start = (PAD + 12, stacked[0].rect.y)
    whole = Rect(0, 0, width, height)
    return Block(path, whole, head, state.timers, again, returns, stacked, links, start)


Labels = Mapping[tuple[str, str], tuple[Line, ...]]
Between = Mapping[tuple[str, str], Sequence[DrawnReaction]]


def _labels(diagram: Diagram, children: Sequence[Block], between: Between) -> Labels:
    """Return the lines of each arrow.

    Two neighbours with arrows in both directions share a stack of lines: each line says in which
    direction its arrow goes."""
    labels = {pair: summary(found, diagram.reactions) for pair, found in between.items()}
    for above, below in pairwise(children):
        there, back = (above.path, below.path), (below.path, above.path)
        if there in labels and back in labels:
            labels[there] = tuple(replace(line, way="down") for line in labels[there])
            labels[back] = tuple(replace(line, way="up") for line in labels[back])
    return labels


def _stacked(children: Sequence[Block], labels: Labels, top: float) -> tuple[Block, ...]:
    """Return the blocks under one another, equally wide, with room for the labels between them."""
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


def _linked(
    stacked: Sequence[Block], labels: Labels, between: Between
) -> tuple[tuple[Link, ...], float]:
    """Return the arrows between stacked blocks, and their right end.

    An arrow between neighbours is straight, every other arrow runs in a lane on the right."""
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
        links.append(Link((a, b), tuple(between[a, b]), points, lines, label))
    return tuple(links), lane


def _returns(diagram: Diagram, path: str, r: DrawnReaction) -> bool:
    """Return True if `r` leads from the state to itself, or between it and a state inside."""
    if r.target is None or path not in (r.source, r.target):
        return False
    return diagram.within(r.target, path) and diagram.within(r.source, path)


def _child_towards(diagram: Diagram, outer: str, path: str) -> str | None:
    """Return the child of `outer` that is `path` or holds it."""
    lineage = diagram.lineage(path)
    at = lineage.index(outer) + 1 if outer in lineage else len(lineage)
    return lineage[at] if at < len(lineage) else None


def _between(diagram: Diagram, outer: str) -> dict[tuple[str, str], list[DrawnReaction]]:
    """Return the transitions from one child, or a state inside it, to another."""
    found: dict[tuple[str, str], list[DrawnReaction]] = defaultdict(list)
    for reaction in diagram.transitions:
        assert reaction.target is not None
        ends = tuple(
            _child_towards(diagram, outer, end) for end in (reaction.source, reaction.target)
        )
        if ends[0] and ends[1] and ends[0] != ends[1]:
            found[ends[0], ends[1]].append(reaction)
    return found


def _along_the_flow(diagram: Diagram, outer: str) -> list[str]:
    """Return the children: the initial one first, and linked ones next to each other."""
    state = diagram.states[outer]
    if state.initial is None:
        return []
    links = _between(diagram, outer)
    order = [state.initial]
    rest = [child for child in state.children if child != state.initial]
    while rest:
        last = order[-1]
        # `min` takes the first of equals: without a link, the order of declaration stays.
        following = min(rest, key=lambda c: not ((last, c) in links or (c, last) in links))
        order.append(following)
        rest.remove(following)
    return order
