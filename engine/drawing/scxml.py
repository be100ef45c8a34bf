"""SCXML: the chart in the W3C's format of statecharts, for its tools and interpreters.

An `after` is a `<send>` with a delay, which is cancelled when its state is left. Guards, updates,
effects and computed delays are calls of functions without arguments: the interpreter must have
these functions. SCXML has no activities, reasons and deferred events: here they are attributes in a
namespace of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from callchart.engine.drawing.model import Diagram, DrawnReaction, StateNode, Timer, timer_event

NAMESPACE = "http://www.w3.org/2005/07/scxml"
OURS = "urn:callchart"

HOW_TO_READ = """\
A state's id is its full name. after.STATE-TIMER is the event of a timer of that state.
has_words() calls a guard, add_words() in a script calls an update or an effect: the interpreter
must have these functions. callchart:activity runs for as long as the state lasts.
callchart:deferred keeps the event until the next change of state; interpreters of SCXML ignore it.
callchart:of names the parent that declares the reaction: the reaction leads to a state inside this
one, and does not leave this one."""


def document(diagram: Diagram) -> str:
    """Return the whole chart. The first line is the XML declaration."""
    name = re.sub(r"[^\w.-]+", "-", diagram.title)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<!--\n{HOW_TO_READ}\n-->",
        f'<scxml xmlns="{NAMESPACE}" xmlns:callchart="{OURS}" version="1.0"',
        f'       name="{name}" initial="{diagram.roots[0]}" datamodel="ecmascript">',
    ]
    for path in diagram.roots:
        lines += _state(diagram, diagram.states[path], "  ")
    return "\n".join([*lines, "</scxml>"]) + "\n"


def _state(diagram: Diagram, state: StateNode, indent: str) -> Iterator[str]:
    if state.final:
        yield f"{indent}<final{_attributes(id=state.path)}/>"
        return
    attributes = _attributes(id=state.path, initial=state.initial, activity=state.activity)
    yield f"{indent}<state{attributes}>"
    inner = indent + "  "
    starts = [_start(state.path, timer) for timer in state.timers]
    stops = [_cancel(state.path, timer) for timer in state.timers]
    yield from _element("onentry", inner, [*_script(state.entry), *starts])
    yield from _element("onexit", inner, [*_script(state.exit), *stops])
    for reaction in _reactions(diagram, state.path):
        yield from _transition(diagram, state.path, reaction, inner)
    for child in state.children:
        yield from _state(diagram, diagram.states[child], inner)
    yield f"{indent}</state>"


def _reactions(diagram: Diagram, path: str) -> Iterator[DrawnReaction]:
    """Yield the reactions of the state, and those of its parents that lead into it.

    A parent's reaction does not leave the active states on the way to its target, but in SCXML it
    would. So such a state declares the reaction, too, after the reactions that are tried first."""
    lineage = diagram.lineage(path)
    tried: dict[str, list[DrawnReaction]] = {}
    for source in reversed(lineage):
        for r in diagram.reactions:
            if r.source == source:
                given = tried.setdefault(r.event, [])
                if not given or given[-1].guard:
                    given.append(r)
    for given in tried.values():
        leads_in = any(
            r.target and r.target != path and diagram.within(r.target, path) for r in given
        )
        own = [r for r in given if r.source == path]
        yield from given if leads_in else own


def _transition(diagram: Diagram, path: str, r: DrawnReaction, indent: str) -> Iterator[str]:
    # A state that goes to its own descendant is not left.
    inwards = r.target != path and r.target is not None and diagram.within(r.target, path)
    attributes = _attributes(
        event=r.event,
        cond=f"{r.guard}()" if r.guard else None,
        type="internal" if inwards else None,
        target=r.target,
        ignored=r.reason if r.kind == "ignore" else None,
        deferred=r.reason if r.kind == "defer" else None,
        of=r.source if r.source != path else None,
    )
    done = _script((*r.updates, *r.effects))
    for timer in r.rearm:
        done += _rearmed(diagram, r.source, timer)
    yield from _element(f"transition{attributes}", indent, done, even_empty=True)


def _rearmed(diagram: Diagram, source: str, name: str) -> list[str]:
    """Return the lines that restart the timer of that name in the innermost active state."""
    around = reversed(diagram.lineage(source))
    inside = [p for p in diagram.states if p != source and diagram.within(p, source)]
    lines: list[str] = []
    for path in (*sorted(inside, key=lambda p: -len(diagram.lineage(p))), *around):
        for timer in diagram.states[path].timers:
            if timer.name != name:
                continue
            restart = [_cancel(path, timer), _start(path, timer)]
            if path in inside:
                test = f"cond=\"In('{path}')\""
                lines += [f"<elseif {test}/>" if lines else f"<if {test}>", *_indented(restart)]
            else:  # this state is always active: the states around it do not matter
                return [*lines, "<else/>", *_indented(restart), "</if>"] if lines else restart
    return [*lines, "</if>"]


def _start(state: str, timer: Timer) -> str:
    event = timer_event(state, timer.name)
    computed = f"{timer.source}()" if not timer.value else None
    attributes = _attributes(
        event=event,
        id=event,
        delay=timer.value.replace(" ", "") or None,
        delayexpr=computed,
        setting=None if computed else timer.source or None,
    )
    return f"<send{attributes}/>"


def _cancel(state: str, timer: Timer) -> str:
    return f"<cancel{_attributes(sendid=timer_event(state, timer.name))}/>"


def _script(names: Iterable[str]) -> list[str]:
    calls = "; ".join(f"{escape(name)}()" for name in names)
    return [f"<script>{calls}</script>"] if calls else []


def _element(
    head: str, indent: str, lines: Iterable[str], *, even_empty: bool = False
) -> Iterator[str]:
    inside = _indented(lines)
    if inside:
        yield f"{indent}<{head}>"
        yield from (indent + line for line in inside)
        yield f"{indent}</{head.partition(' ')[0]}>"
    elif even_empty:
        yield f"{indent}<{head}/>"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


#: Attributes that SCXML does not have.
_OUR_OWN = {"activity", "ignored", "deferred", "of", "setting"}


def _attributes(**given: str | None) -> str:
    return "".join(
        f' {"callchart:" * (name in _OUR_OWN)}{name}="{escape(" ".join(value.split()))}"'
        for name, value in given.items()
        if value is not None
    )
