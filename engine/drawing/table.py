"""The table of state and event, as Markdown: what each leaf does with all that can arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from callchart.engine.drawing.model import Diagram, DrawnReaction

INTRODUCTION = """\
What every state does with every event that can arrive there, and with every timer that can come
due. Read off the table that runs.

- `→ state` goes there; *stays* does what is named and leaves nothing; *ignored* and *deferred* say
  why (what is deferred is offered again after the next change of state).
- `[guard]` must hold for the answer; answers are tried from top to bottom.
- After `/` stand the updates of the call's data and the effects, in order.
- *(state)* is the parent that declares the answer, where it is not the state itself.
- An empty field: it cannot arrive, nothing that raises it runs there.
"""


def tables(diagram: Diagram) -> str:
    """A table of all timers, then one for each large state, with a column for each leaf in it."""
    parts = [f"# States and events: {_cell(diagram.title)}\n", INTRODUCTION, "## Timers\n"]
    parts.append(_timers(diagram))
    for block in diagram.blocks:
        parts.append(f"## {diagram.name(block)}\n")
        parts.append(_answers(diagram, diagram.inside(block)))
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


def _answers(diagram: Diagram, leaves: Sequence[str]) -> str:
    triggers = list(dict.fromkeys(t for leaf in leaves for t in diagram.in_leaf[leaf]))
    if not triggers:
        return "The end: nothing is answered any more.\n"
    rows = []
    for trigger in triggers:
        given = [diagram.in_leaf[leaf].get(trigger, ()) for leaf in leaves]
        some = next(answers for answers in given if answers)[0]
        timer = f"after `{some.trigger}` ({diagram.name(some.source)})"
        cells = [
            _all(diagram, answers, leaf) if answers else ""
            for leaf, answers in zip(leaves, given, strict=True)
        ]
        rows.append([timer if some.timer else f"`{some.trigger}`", *cells])
    return _markdown(["", *(diagram.name(leaf) for leaf in leaves)], rows)


def _all(diagram: Diagram, answers: Iterable[DrawnReaction], leaf: str) -> str:
    return "<br>".join(_answer(diagram, r, leaf) for r in answers)


def _answer(diagram: Diagram, r: DrawnReaction, leaf: str) -> str:
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
    """Free text that cannot end a cell or begin a tag."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
