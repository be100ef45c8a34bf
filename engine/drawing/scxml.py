"""SCXML: the chart as a document of the W3C's statecharts, for tools and interpreters of that.

What SCXML has, stands in its own elements. An `after` is a `<send>` with a delay, cancelled where
its state is left. Guards, updates, effects and computed delays stand by their names, as calls of
functions without arguments that whoever runs the document brings along. What SCXML does not have
(an activity, a reason, what is put off) is an attribute of a namespace of ours.
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
has_words() asks a guard, add_words() in a script makes an update or an effect: whoever runs this
brings the functions along. callchart:activity is what runs for as long as the state lasts.
callchart:deferred keeps the event for the next state, which no interpreter of SCXML does.
callchart:of is the state around this one that declares an answer: it leads to a state in here, and
does not leave this one."""


def document(diagram: Diagram) -> str:
    """The whole chart. The first line is XML's own declaration."""
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
    for reaction in _answers(diagram, state.path):
        yield from _transition(diagram, state.path, reaction, inner)
    for child in state.children:
        yield from _state(diagram, diagram.states[child], inner)
    yield f"{indent}</state>"


def _answers(diagram: Diagram, path: str) -> Iterator[DrawnReaction]:
    """The state's own answers, and those of its parents that lead into it.

    Such an answer keeps what of the way to its target is active. SCXML leaves all that is inside
    the state that declares a transition: so the state that is kept declares it as well, behind the
    answers that are tried before it."""
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
    # A state that goes to its own descendant is not left itself.
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
    """The timer of that name of the innermost active state, begun afresh."""
    around = reversed(diagram.lineage(source))
    inside = [p for p in diagram.states if p != source and diagram.within(p, source)]
    lines: list[str] = []
    for path in (*sorted(inside, key=lambda p: -len(diagram.lineage(p))), *around):
        for timer in diagram.states[path].timers:
            if timer.name != name:
                continue
            afresh = [_cancel(path, timer), _start(path, timer)]
            if path in inside:
                test = f"cond=\"In('{path}')\""
                lines += [f"<elseif {test}/>" if lines else f"<if {test}>", *_indented(afresh)]
            else:  # active for sure, and so those around it do not matter
                return [*lines, "<else/>", *_indented(afresh), "</if>"] if lines else afresh
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


#: Attributes that SCXML does not know.
_OUR_OWN = {"activity", "ignored", "deferred", "of", "setting"}


def _attributes(**given: str | None) -> str:
    return "".join(
        f' {"callchart:" * (name in _OUR_OWN)}{name}="{escape(" ".join(value.split()))}"'
        for name, value in given.items()
        if value is not None
    )
