"""The checks of a chart. Each raises `ChartError`, which names the state, the event and the cure.

`check_state` looks at one state, `check_declarations` at all reactions before the table is built,
and `check_table` at the states that they lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from callchart.engine.chart.binding import EVENT, BindingError, event_types, reads
from callchart.engine.chart.machine import SEPARATOR
from callchart.engine.chart.state import (
    ROLES,
    Defer,
    Effect,
    Ignore,
    Reaction,
    State,
    Stay,
    To,
    after_of,
    named,
    reactions_of,
)
from callchart.engine.did_you_mean import did_you_mean
from callchart.engine.events import Event, TimerFired
from callchart.engine.settings import LARGEST, SettingRef

if TYPE_CHECKING:
    from callchart.engine.chart.chart import Chart, LeafReaction, TimerSpec


class ChartError(ValueError):
    """A mistake in a chart. The message says where it is, and how to correct it."""


def check_state(state: State, path: str) -> None:
    """Check one state, without the others; `path` is its full name."""
    if not isinstance(state.name, str) or not state.name.isidentifier():
        raise ChartError(f"a state's name must be an identifier, got {state.name!r}")
    if not isinstance(state.children, (list, tuple)):
        raise ChartError(
            f"state {path}: children must be a list of States, got {type(state.children).__name__}"
        )
    for child in state.children:
        if not isinstance(child, State):
            raise ChartError(f"state {path}: a child must be a State, got {child!r}")
    children = [child.name for child in state.children]
    if state.initial is not None and state.initial not in children:
        raise ChartError(
            f"state {path}: initial must be one of its children ({', '.join(children) or 'none'}), "
            f"got {state.initial!r}{did_you_mean(state.initial, children, repr)}"
        )
    if state.final and (state.children or state.on or state.after or state.activity):
        raise ChartError(
            f"state {path} is final, so it must have no children, on, after or activity"
        )
    if state.role is not None and state.role not in ROLES:
        raise ChartError(
            f"state {path}: role must be one of {', '.join(ROLES)}, got {state.role!r}"
            f"{did_you_mean(state.role, ROLES, repr)}"
        )
    if state.activity is not None and not isinstance(state.activity, str):
        raise ChartError(
            f"state {path}: activity must be a name, got {state.activity!r}; give it a name in "
            f"Chart(activities=...)"
        )
    _check_effects(state.entry_effects, f"state {path}, entry")
    _check_effects(state.exit_effects, f"state {path}, exit")
    for event in state.on:
        if not isinstance(event, type):
            raise ChartError(f"state {path}: a key of `on` must be an event's class, got {event!r}")
    for timer, after in state.after.items():
        if not timer.isidentifier():
            raise ChartError(f"state {path}: a timer's name must be an identifier, got {timer!r}")
        if not isinstance(after, tuple) or len(after) != 2:
            raise ChartError(
                f"state {path}, after {timer}: must be (delay, reactions), got {after!r}"
            )


def check_declarations(chart: Chart) -> None:
    """Check every timer, reaction and function of a chart, before its table exists."""
    for timer in chart.timers:
        _check_delay(timer, chart)
    for declaration in chart.declarations():
        reaction, where = declaration.reaction, declaration.where
        if not isinstance(reaction, (To, Stay, Ignore, Defer)):
            raise ChartError(f"{where}: must be to, stay, ignore or defer, got {reaction!r}")
        _check_types(reaction, where)
        if isinstance(reaction, Stay):
            _check_rearm(declaration.source, reaction, where, chart)
    for function, where, event in functions(chart):
        _check_function(function, where, event)
    for path, node in chart.nodes.items():
        for event_type in node.state.on:
            if event_type not in chart.events:
                raise ChartError(
                    f"state {path} reacts to {event_type.__name__}, which must be one of the "
                    f"chart's events; add it to Chart(events=...)"
                )
        for what, reactions in [
            *((f"on {e.__name__}", reactions_of(r)) for e, r in node.state.on.items()),
            *((f"after {t}", after_of(a)[1]) for t, a in node.state.after.items()),
        ]:
            if any(reaction.when is None for reaction in reactions[:-1]):
                raise ChartError(
                    f"state {path}, {what}: only the last reaction may be without a guard: a "
                    f"reaction after it never applies"
                )


def functions(chart: Chart) -> Iterator[tuple[Callable[..., Any], str, type[Event] | None]]:
    """Yield (function, place, event) for each guard, update, delay and effect that is a function.

    The event is None for a delay and for the effects of entries and exits."""
    for path, node in chart.nodes.items():
        of_state = {"entry": node.state.entry_effects, "exit": node.state.exit_effects}
        for use, effects in of_state.items():
            for effect in effects:
                if not isinstance(effect, Effect):
                    yield effect, f"state {path}, {use}", None
    for timer in chart.timers:
        if callable(timer.delay):
            yield timer.delay, f"state {timer.state}, after {timer.name}", None
    for declaration in chart.declarations():
        for function in _functions_of(declaration.reaction):
            yield function, declaration.where, declaration.event or TimerFired


def _functions_of(reaction: Reaction) -> Iterator[Callable[..., Any]]:
    if reaction.when is not None:
        yield reaction.when
    if isinstance(reaction, (To, Stay)):
        yield from reaction.updates
        yield from (effect for effect in reaction.effects if not isinstance(effect, Effect))


def _check_types(reaction: To | Stay | Ignore | Defer, where: str) -> None:
    if reaction.when is not None and not callable(reaction.when):
        raise ChartError(
            f"{where}: a guard must be a function that returns True or False, got {reaction.when!r}"
        )
    if isinstance(reaction, (Ignore, Defer)):
        if not isinstance(reaction.reason, str):
            raise ChartError(f"{where}: the reason must be a text, got {reaction.reason!r}")
        return
    if isinstance(reaction, To) and not isinstance(reaction.target, str):
        target: object = reaction.target
        got = f"a State; write to({target.name!r})" if isinstance(target, State) else repr(target)
        raise ChartError(f"{where}: the target must be the name of a state, got {got}")
    for update in reaction.updates:
        if not callable(update):
            raise ChartError(
                f"{where}: an update must be a function that returns the new data, got {update!r}"
            )
    _check_effects(reaction.effects, where)


def _check_effects(effects: Iterable[object], where: str) -> None:
    for effect in effects:
        if not isinstance(effect, Effect) and not callable(effect):
            raise ChartError(
                f"{where}: an effect must be an Effect, or a function that returns one, got "
                f"{effect!r}"
            )


def _check_function(function: Callable[..., Any], where: str, event: type[Event] | None) -> None:
    # A lambda's name is `<lambda>`.
    if not getattr(function, "__name__", "").isidentifier():
        raise ChartError(
            f"{where}: a function must have a name, for diagrams, got {function!r}; use a def"
        )
    if iscoroutinefunction(function):
        raise ChartError(
            f"{where}: {named(function)} must be a plain def, got an async one; work that waits "
            f"is an activity"
        )
    try:
        reads(function)
    except BindingError as error:
        raise ChartError(f"{where}: {error}") from None
    allowed = event_types(function)
    if event is not None and allowed and not issubclass(event, tuple(allowed)):
        names = " or ".join(each.__name__ for each in allowed)
        raise ChartError(
            f"{where}: {named(function)} must take the event {event.__name__}, got a function "
            f"that is annotated with {names}"
        )


def _check_delay(timer: TimerSpec, chart: Chart) -> None:
    where, delay = f"state {timer.state}, after {timer.name}", timer.delay
    if isinstance(delay, SettingRef):
        if not hasattr(chart.data().settings, delay.name):
            declared = chart.data().settings
            hint = did_you_mean(delay.name, [f.name for f in fields(declared)], repr)
            raise ChartError(
                f"{where}: the setting must be a field of {type(declared).__name__}, "
                f"got {delay.name!r}{hint}"
            )
    elif callable(delay):
        _check_function(delay, where, None)
        if EVENT in reads(delay):
            raise ChartError(
                f"{where}: {named(delay)} must read data or at_us, got event: a delay is computed "
                f"when its timer starts"
            )
    elif not isinstance(delay, (int, float)):
        raise ChartError(
            f"{where}: a delay must be seconds, a setting or a function, got {delay!r}"
        )
    elif not 0 <= delay <= LARGEST:
        raise ChartError(f"{where}: a delay must be from 0 to {LARGEST:g} s, got {delay}")


def _check_rearm(source: str, reaction: Stay, where: str, chart: Chart) -> None:
    # A parent may also rearm a timer of a state inside it.
    near = {p for p in chart.nodes if p.startswith(source + SEPARATOR)}
    near |= set(chart.nodes[source].lineage)
    known = [t.name for t in chart.timers if t.state in near]
    for timer in reaction.rearm:
        if timer not in known:
            raise ChartError(
                f"{where}: rearm must name a timer of this state, its parents or its children "
                f"({', '.join(known) or 'none'}), got {timer!r}{did_you_mean(timer, known, repr)}"
            )


# --- where the reactions lead --------------------------------------------------------------------


def check_table(chart: Chart) -> None:
    """Check the states that a chart's reactions lead to, in its table."""
    _check_complete(chart)
    _check_ancestors(chart)
    _check_reachable(chart)
    _check_bounded(chart)
    _check_circles(chart)


def _check_complete(chart: Chart) -> None:
    for leaf in chart.leaves:
        if chart.is_final(leaf):
            continue
        for event in chart.arriving(leaf):
            if not _always_reacts(chart.reactions(leaf, event.__name__)):
                raise ChartError(
                    f"state {leaf} must react to {event.__name__}, which can arrive there; add it "
                    f"to `on` of {leaf} or of a parent: to(...), stay(...), defer(...) or "
                    f"ignore(reason)"
                )
        for path in chart.nodes[leaf].lineage:
            for timer in chart.timers_of[path]:
                if not _always_reacts(chart.reactions(leaf, timer.trigger)):
                    raise ChartError(
                        f"state {path}, after {timer.name}: the last reaction must have no guard: "
                        f"otherwise nothing happens when all guards return False"
                    )


def _always_reacts(reactions: tuple[LeafReaction, ...]) -> bool:
    return any(reaction.declared.when is None for reaction in reactions)


def _check_ancestors(chart: Chart) -> None:
    for declaration in chart.declarations():
        reaction = declaration.reaction
        if not isinstance(reaction, To) or reaction.restart:
            continue
        target = chart.resolve(reaction.target, why=declaration.where)
        if target in chart.nodes[declaration.source].ancestors:
            raise ChartError(
                f"{declaration.where}: {target} is an ancestor of the state, so the transition "
                f"leaves and re-enters it; say restart=True if you mean that"
            )


def _check_reachable(chart: Chart) -> None:
    found: set[str] = set()
    waiting = [chart.initial[-1]]
    while waiting:
        leaf = waiting.pop()
        if leaf in found:
            continue
        found.add(leaf)
        waiting += [r.leaf for reactions in chart.table[leaf].values() for r in reactions]
    for leaf in chart.leaves:
        if leaf not in found:
            raise ChartError(f"state {leaf} must be the target of a transition that can happen")


def _check_bounded(chart: Chart) -> None:
    for leaf in chart.leaves:
        if chart.is_final(leaf):
            continue
        # The timer of an outermost state limits the whole call, not a state within it.
        within = chart.nodes[leaf].lineage[1:] or chart.nodes[leaf].lineage
        # A timer fires once in a stay: unless all its reactions leave its state, it limits nothing.
        if not any(
            all(path in reaction.exits for reaction in reactions) and reactions[-1].leaf != leaf
            for path in within
            for timer in chart.timers_of[path]
            for reactions in [chart.reactions(leaf, timer.trigger)]
        ):
            raise ChartError(
                f"state {leaf} can last without limit; give it, or a parent other than the "
                f"outermost, an `after` whose reactions all leave that state"
            )


def _check_circles(chart: Chart) -> None:
    """Refuse a circle of timers of 0 s: in it, a call takes steps without end at one moment."""
    next_leaf = {
        leaf: chart.reactions(leaf, timer.trigger)[-1].leaf
        for leaf in chart.leaves
        for timer in chart.timers_of[leaf]
        if timer.delay == 0
    }
    for leaf in next_leaf:
        chain = [leaf]
        while (following := next_leaf.get(chain[-1])) is not None:
            if following in chain:
                raise ChartError(
                    f"states {', '.join(chain)} lead to each other after 0 s, in a circle without "
                    f"end; give one of these timers a longer delay"
                )
            chain.append(following)
