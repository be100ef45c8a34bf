"""The table of states and events, as Markdown: the reactions of each leaf to each trigger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from callchart.engine.drawing.model import Diagram, DrawnReaction

INTRODUCTION = """\
The reactions of every state to every event that can arrive there, and to every timer that can fire
there. They come from the table that runs.

- `→ state` goes to that state. *stays* leaves no state. *ignored* and *deferred* give the reason. A
  deferred event is offered again after the next change of state.
- A reaction applies only if its `[guard]` returns True; reactions are tried from top to bottom.
- After `/` are the updates of the call's data and the effects, in order.
- *(state)* is the parent that declares the reaction, if the state itself does not.
- An empty field: the event cannot arrive, because no activity that posts it runs there.
"""


def tables(diagram: Diagram) -> str:
    """Return a table of all timers, then one table for each block, with a column for each leaf."""
    parts = [f"# States and events: {_cell(diagram.title)}\n", INTRODUCTION, "## Timers\n"]
    parts.append(_timers(diagram))
    for block in diagram.blocks:
        parts.append(f"## {diagram.name(block)}\n")
        parts.append(_reactions(diagram, diagram.inside(block)))
    return "\n".join(parts)


def _timers(diagram: Diagram) -> str:
    rows = []
    for path, state in diagram.states.items():
        for timer in state.timers:
            given = [r for r in diagram.reactions if r.source == path and r.timer == timer]
            source = f"`{timer.source}`" + ("" if timer.value else " (computed)")
            rows.append(
                [
                    diagram.name(path),
                    f"`{timer.name}`",
                    source if timer.source else "in the chart",
                    timer.value,
                    _all(diagram, given, path),
                ]
            )
    return _markdown(["State", "Timer", "Setting or function", "Default", "Then"], rows)


def _reactions(diagram: Diagram, leaves: Sequence[str]) -> str:
    triggers = list(dict.fromkeys(t for leaf in leaves for t in diagram.in_leaf[leaf]))
    if not triggers:
        return "The call has ended: it reacts to nothing.\n"
    rows = []
    for trigger in triggers:
        given = [diagram.in_leaf[leaf].get(trigger, ()) for leaf in leaves]
        some = next(reactions for reactions in given if reactions)[0]
        timer = f"after `{some.trigger}` ({diagram.name(some.source)})"
        cells = [
            _all(diagram, reactions, leaf) if reactions else ""
            for leaf, reactions in zip(leaves, given, strict=True)
        ]
        rows.append([timer if some.timer else f"`{some.trigger}`", *cells])
    return _markdown(["", *(diagram.name(leaf) for leaf in leaves)], rows)


def _all(diagram: Diagram, reactions: Iterable[DrawnReaction], leaf: str) -> str:
    return "<br>".join(_reaction(diagram, r, leaf) for r in reactions)


def _reaction(diagram: Diagram, r: DrawnReaction, leaf: str) -> str:
    words = [f"[{r.guard}]"] if r.guard else []
    match r.kind:
        case "to":
            words.append(f"→ **{diagram.name(r.target or '')}**")
        case "stay":
            words.append("*stays*")
        case "ignore":
            words.append(f"*ignored:* {_cell(r.reason)}")
        case _:
            words.append(f"*deferred:* {_cell(r.reason)}")
    if r.action:
        words.append(f"/ {r.action}")
    if r.source != leaf:
        words.append(f"*({diagram.name(r.source)})*")
    return " ".join(words)


def _cell(text: str) -> str:
    """Return the text so that it cannot end a cell or begin a tag."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
