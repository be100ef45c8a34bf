"""Mermaid: the chart as `stateDiagram-v2` text, for pages that turn it into a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from callchart.engine.drawing.model import Diagram, DrawnReaction, StateNode


def whole(diagram: Diagram) -> str:
    """Return the whole chart: every state in its parent, and every declared transition."""
    lines = ["stateDiagram-v2"]
    for path in diagram.roots:
        lines += _state(diagram, path, "  ")
    lines.append(f"  [*] --> {_id(diagram.roots[0])}")
    lines += _arrows(diagram.transitions)
    lines += [f"  {_id(p)} --> [*]" for p, state in diagram.states.items() if state.final]
    return "\n".join(lines) + "\n"


def one(diagram: Diagram, path: str) -> str:
    """Return a state with the states inside it, and every transition from or to them."""
    touching = [
        r
        for r in diagram.transitions
        if any(diagram.within(end, path) for end in (r.source, r.target or ""))
    ]
    ends = {end for r in touching for end in (r.source, r.target or "")}
    # A parent of this state is drawn next to it, so that the parent's arrow has a source.
    others = [p for p in diagram.states if p in ends and not diagram.within(p, path)]
    lines = ["stateDiagram-v2", *_state(diagram, path, "  ")]
    lines += [f'  state "{diagram.name(other)}" as {_id(other)}' for other in others]
    lines += _arrows(touching)
    return "\n".join(lines) + "\n"


def _id(path: str) -> str:
    return path.replace(".", "__")


def _state(diagram: Diagram, path: str, indent: str) -> list[str]:
    state = diagram.states[path]
    if state.initial is None:
        parts = [f'{indent}state "{state.title}" as {_id(path)}']
        return parts + [f"{indent}{_id(path)}: {fact}" for fact in _facts(state)]
    title = " ".join([state.title, *(f"({fact})" for fact in _facts(state))])
    lines = [f'{indent}state "{title}" as {_id(path)} {{']
    lines.append(f"{indent}  [*] --> {_id(state.initial)}")
    for child in state.children:
        lines += _state(diagram, child, indent + "  ")
    return [*lines, f"{indent}}}"]


def _facts(state: StateNode) -> list[str]:
    facts = [f"do / {state.activity}"] if state.activity else []
    facts += [f"entry / {', '.join(state.entry)}"] if state.entry else []
    facts += [f"exit / {', '.join(state.exit)}"] if state.exit else []
    return facts + [f"after {timer.full}" for timer in state.timers]


def _arrows(transitions: Iterable[DrawnReaction]) -> list[str]:
    """Return one arrow for each pair of states, with a line of text for each transition."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for r in transitions:
        trigger = f"after {r.trigger}" if r.timer else r.trigger
        found[r.source, r.target or ""].append(f"{trigger} {r.condition}".rstrip())
    return [f"  {_id(a)} --> {_id(b)}: {'<br/>'.join(texts)}" for (a, b), texts in found.items()]
