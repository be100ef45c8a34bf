"""The overview: the few states that a chart names in `Chart(overview=...)`, and the ways between.

A way leads from one of these states to the next, perhaps through states that the overview leaves
out. If a chart names no states, the overview shows its blocks. An extended chart adds its own
states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from callchart.engine.drawing.model import Diagram, DrawnReaction, StateNode
from callchart.engine.drawing.svg.labels import Line, summary
from callchart.engine.drawing.svg.text import broken
from callchart.engine.drawing.svg.whole_chart import ChartDiagram, Forms, laid_out

#: The width of the text about a state.
WIDTH = 150.0
#: The greatest number of lines of a label. The last one counts the triggers without a line.
MAX_LINES = 2


def overview_of(diagram: Diagram) -> Diagram:
    """Return the diagram of the overview: its states, and the ways between them as reactions."""
    base = overview_of(diagram.base) if diagram.base else None
    shown = shown_in(diagram)
    frames = _frames(diagram, shown)
    kept = [p for p in diagram.states if p in frames or p in shown]
    states = {path: _alone(diagram, path, kept) for path in kept}
    return Diagram(
        diagram.title,
        tuple(path for path in kept if states[path].parent is None),
        states,
        tuple(_ways(diagram, shown, frames)),
        {},
        shown,
        base,
    )


def shown_in(diagram: Diagram) -> tuple[str, ...]:
    """Return the states of the overview, in the order of declaration."""
    named = diagram.overview or (diagram.base or diagram).blocks
    own = [p for p in diagram.added if diagram.states[p].parent in (None, *diagram.frames)]
    return tuple(path for path in diagram.states if path in named or path in own)


def overview_labels(diagram: Diagram, reactions: Sequence[DrawnReaction]) -> Forms:
    """Return the label of an arrow: its first triggers, and the number of the others."""
    lines = summary(reactions, ())
    if len(lines) <= MAX_LINES:
        return (lines,)
    rest = lines[MAX_LINES - 1 :]
    events = tuple(event for line in rest for event in line.events)
    return ((*lines[: MAX_LINES - 1], Line("", f"and {len(rest)} more", events=events)),)


def laid_out_overview(diagram: Diagram) -> tuple[Diagram, ChartDiagram]:
    """Return the overview of a chart, and its layout."""
    small = overview_of(diagram)
    return small, laid_out(small, overview_labels)


def _frames(diagram: Diagram, shown: Sequence[str]) -> tuple[str, ...]:
    """Return the states that the overview draws as frames around others."""
    if diagram.base is not None:
        return overview_of(diagram.base).frames
    enough = max(5.0, len(shown) / 3)
    return tuple(
        path
        for path in diagram.states
        if path not in shown and sum(diagram.within(p, path) for p in shown) >= enough
    )


def _alone(diagram: Diagram, path: str, kept: Sequence[str]) -> StateNode:
    """Return the state without timers, and without the states that the overview leaves out."""
    state = diagram.states[path]
    lineage = tuple(p for p in state.lineage if p in kept)
    children = tuple(
        p
        for p in kept
        if p != path and [q for q in diagram.lineage(p) if q in kept][-2:-1] == [path]
    )
    entered = diagram.lineage(diagram.entered_at(path))
    initial = next((child for child in children if child in entered), None)
    return replace(
        state,
        parent=lineage[-2] if len(lineage) > 1 else None,
        lineage=lineage,
        children=children,
        initial=initial or next(iter(children), None),
        timers=(),
        entry=(),
        exit=(),
        summary=tuple(broken(state.doc.partition(". ")[0].rstrip("."), WIDTH))
        if not children
        else (),
    )


def _ways(diagram: Diagram, shown: Sequence[str], frames: Sequence[str]) -> list[DrawnReaction]:
    """Return the ways between the states of the overview, each with its first trigger.

    From a frame, only the ways that lead out of it are returned."""
    hidden = [block for block in diagram.blocks if block not in shown]

    def drawn_at(leaf: str) -> str:
        return next(p for p in diagram.lineage(leaf) if p in shown or p in hidden)

    steps: dict[tuple[str, str], list[DrawnReaction]] = {}
    for leaf, given in diagram.in_leaf.items():
        for reaction in (r for tried in given.values() for r in tried if r.target):
            target = drawn_at(diagram.entered_at(reaction.target or ""))
            source = drawn_at(leaf)
            if reaction.source in diagram.frames:
                source = reaction.source
                if source not in frames or diagram.within(target, source):
                    continue
            found = steps.setdefault((source, target), [])
            if reaction not in found:
                found.append(reaction)
    made: dict[tuple[str, str, str], DrawnReaction] = {}
    for (source, through), reactions in steps.items():
        if source in hidden:
            continue
        for target in _ends(through, hidden, list(steps)):
            for r in reactions:
                if target != source:
                    way = replace(r, source=source, target=target, number=0, guard=None)
                    made.setdefault((source, target, r.trigger), way)
    return list(made.values())


def _ends(first: str, hidden: Sequence[str], steps: Sequence[tuple[str, str]]) -> list[str]:
    """Return the states of the overview that a way from `first` reaches through hidden states."""
    passed, ends = [first], []
    for here in passed:
        if here not in hidden:
            ends.append(here)
            continue
        passed += [b for a, b in steps if a == here and b not in passed]
    return list(dict.fromkeys(ends))
