"""The words a state file is written in: `State`, and its answers `to`, `stay`, `ignore`, `defer`.

Everything here is a frozen value. Guards, updates, delays and effects are named, pure functions of
the call's data, the event and the time: so one table can be run, drawn, replayed and explored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from callchart.engine.chart.binding import Function, WithoutEvent
from callchart.engine.data import CallData
from callchart.engine.events import Event
from callchart.engine.settings import SettingRef

#: A function of some of (data, event, at_us): does the reaction apply?
Guard = Function[bool]
#: A function of some of (data, event, at_us): the new data.
Update = Function[CallData]
#: Seconds; a setting; or a function of some of (data, at_us) that returns seconds.
Delay = float | SettingRef | WithoutEvent[float]


@dataclass(frozen=True, slots=True)
class Effect:
    """A command to the outside, as a value. `decide` returns effects, the loop carries them out.

    An effect is a plain `def carry_out(self, call)`: it hands something over and never waits. What
    comes of it is an event."""

    #: Fields that hold what a person said; a redacted journal blanks them.
    words: ClassVar[tuple[str, ...]] = ()

    def carry_out(self, call: Any) -> None:
        """`call` is the running call (callchart.engine.call.Call)."""
        raise NotImplementedError(type(self).__name__)

    @property
    def name(self) -> str:
        """As journals and diagrams write it."""
        return type(self).__name__

    def described(self) -> dict[str, object]:
        """Its fields, for the journal."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


#: An effect, or a function of some of (data, event, at_us) that returns one.
EffectSource = Effect | Function[Effect]


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a state does about an event. `when` is its guard; `after` the other names are values."""

    when: Guard | None = None


@dataclass(frozen=True, slots=True)
class To(Reaction):
    """A transition: the source is left as far as needed, the target entered."""

    target: str = ""
    updates: tuple[Update, ...] = ()
    effects: tuple[EffectSource, ...] = ()
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Stay(Reaction):
    """An internal transition: nothing is left or entered; timers go on, those in `rearm` anew."""

    updates: tuple[Update, ...] = ()
    effects: tuple[EffectSource, ...] = ()
    rearm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ignore(Reaction):
    """Nothing, on purpose."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Defer(Reaction):
    """Not now: offered again, in order, after the next change of state."""

    reason: str = ""


def _many(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def to(
    target: str,
    *,
    when: Guard | None = None,
    update: Update | Sequence[Update] = (),
    effects: EffectSource | Sequence[EffectSource] = (),
    restart: bool = False,
) -> To:
    """Go to `target` (a state's full name, or the end of it where that is unambiguous).

    A target that is the source's own ancestor leaves and re-enters that ancestor, with all that
    it owns; such an edge must say `restart=True`."""
    return To(when, target, _many(update), _many(effects), restart)


def stay(
    *,
    when: Guard | None = None,
    update: Update | Sequence[Update] = (),
    effects: EffectSource | Sequence[EffectSource] = (),
    rearm: str | Sequence[str] = (),
) -> Stay:
    """Stay in the state; `rearm` names timers (of this state or its parents) to start afresh."""
    return Stay(when, _many(update), _many(effects), _many(rearm))


def ignore(reason: str, *, when: Guard | None = None) -> Ignore:
    """Do nothing, and say why; the reason stands in the table of states and events."""
    return Ignore(when, reason)


def defer(reason: str, *, when: Guard | None = None) -> Defer:
    """Keep the event for the next state."""
    return Defer(when, reason)


Reactions = Reaction | Sequence[Reaction]
After = tuple[Delay, Reactions]


@dataclass(frozen=True)
class State:
    """One state, with what it reacts to, what it does, and how long it may last.

    `on` maps event types to an answer or to several, tried in order; `after` maps a timer's name
    to `(delay, answers)`. `activity` names what runs for as long as the state lasts. `entry` and
    `exit` are effects. A state with `children` is compound, entered through `initial` (by default
    the first). A `final` state ends the call."""

    name: str
    doc: str | None = None
    on: Mapping[type[Event], Reactions] = field(default_factory=dict)
    after: Mapping[str, After] = field(default_factory=dict)
    activity: str | None = None
    entry: EffectSource | Sequence[EffectSource] = ()
    exit: EffectSource | Sequence[EffectSource] = ()
    children: Sequence[State] = ()
    initial: str | None = None
    final: bool = False

    @property
    def entry_effects(self) -> tuple[EffectSource, ...]:
        return _many(self.entry)

    @property
    def exit_effects(self) -> tuple[EffectSource, ...]:
        return _many(self.exit)

    def changed(
        self,
        path: str,
        *,
        add: Sequence[State] = (),
        on: Mapping[type[Event], Reactions] | None = None,
        after: Mapping[str, After] | None = None,
    ) -> State:
        """This state with the one at `path` (relative, "" is itself) changed: `add` are further
        children; `on` and `after` put answers in front of those that there are, or replace them
        where they end with one without a guard; a timer's delay is the new one."""
        if path:
            head, _, rest = path.partition(".")
            if head not in {c.name for c in self.children}:
                raise KeyError(f"state {self.name} has no child {head!r}")
            return replace(
                self,
                children=tuple(
                    c.changed(rest, add=add, on=on, after=after) if c.name == head else c
                    for c in self.children
                ),
            )
        answers = dict(self.on)
        for event, given in (on or {}).items():
            answers[event] = _in_front(given, answers.get(event, ()))
        timers = dict(self.after)
        for name, (delay, given) in (after or {}).items():
            timers[name] = (delay, _in_front(given, timers[name][1] if name in timers else ()))
        return replace(self, children=(*self.children, *add), on=answers, after=timers)


def _in_front(given: Reactions, there: Reactions) -> tuple[Reaction, ...]:
    front = reactions_of(given)
    return front if front and front[-1].when is None else (*front, *reactions_of(there))


def after_of(after: After) -> tuple[Delay, tuple[Reaction, ...]]:
    """A timer's delay and its answers, as a tuple."""
    delay, answers = after
    return delay, _many(answers)


def reactions_of(answers: Reactions) -> tuple[Reaction, ...]:
    """One answer or several, as a tuple."""
    return _many(answers)


def named(thing: Any) -> str:
    """The name that journals and diagrams write for a guard, update, delay or effect."""
    if isinstance(thing, SettingRef):
        return thing.name
    if isinstance(thing, Effect):
        return thing.name
    if isinstance(thing, (int, float)):
        return f"{thing:g} s"
    return str(thing.__name__)
