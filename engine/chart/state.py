"""The vocabulary of a state file: `State`, and its reactions `to`, `stay`, `ignore` and `defer`.

Everything here is a frozen value. Guards, updates and delays are named, pure functions of the
call's data, the event and the time. So one table can be run, drawn, replayed and explored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, get_args

from callchart.engine.chart.binding import Function, WithoutEvent
from callchart.engine.data import CallData
from callchart.engine.events import Event
from callchart.engine.settings import SettingRef

#: A function of some of (data, event, at_us) that returns whether the reaction applies.
Guard = Function[bool]
#: A function of some of (data, event, at_us) that returns the new data.
Update = Function[CallData]
#: Seconds; a setting; or a function of some of (data, at_us) that returns seconds.
Delay = float | SettingRef | WithoutEvent[float]

#: The meaning of a state to caller and agent, in the order of a turn:
#: `greeting`      the caller hears the agent's first words
#: `listening`     the turn is the caller's
#: `settling`      the caller's turn may be at its end
#: `thinking`      the reply is being written, and the caller hears nothing
#: `filler`        the caller hears a filler
#: `filler_ending` the reply is ready, and waits for the end of the filler's word
#: `speaking`      the caller hears a reply
#: `overlapped`    the caller speaks while a reply plays
#: `interrupted`   the caller spoke, and the reply stopped
#: `transferring`  the carrier transfers the caller
#: `hangup`        the call ends
Role = Literal[
    "greeting",
    "listening",
    "settling",
    "thinking",
    "filler",
    "filler_ending",
    "speaking",
    "overlapped",
    "interrupted",
    "transferring",
    "hangup",
]
ROLES: tuple[str, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Effect:
    """A command to the outside, as a value. `decide` returns effects, the loop carries them out.

    `carry_out` hands the command over and never waits: it is a plain `def`. The result comes back
    as an event."""

    #: The names of the fields that hold a person's words; a redacted journal blanks them.
    words: ClassVar[tuple[str, ...]] = ()

    def carry_out(self, call: Any) -> None:
        """Hand the command over. `call` is the running `callchart.engine.call.Call`."""
        raise NotImplementedError(type(self).__name__)

    @property
    def name(self) -> str:
        """The effect's name in journals and diagrams."""
        return type(self).__name__

    def described(self) -> dict[str, object]:
        """Return the fields that the journal writes, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


#: An effect, or a function of some of (data, event, at_us) that returns one.
EffectSource = Effect | Function[Effect]


@dataclass(frozen=True, slots=True)
class Reaction:
    """The declared response of a state to an event or a timer. `when` is its guard."""

    when: Guard | None = None


@dataclass(frozen=True, slots=True)
class To(Reaction):
    """A transition: the call leaves its state as far as needed, and enters the target."""

    target: str = ""
    updates: tuple[Update, ...] = ()
    effects: tuple[EffectSource, ...] = ()
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Stay(Reaction):
    """An internal transition: the state stays. Its timers go on; those in `rearm` start again."""

    updates: tuple[Update, ...] = ()
    effects: tuple[EffectSource, ...] = ()
    rearm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ignore(Reaction):
    """A reaction that does nothing, for a reason."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Defer(Reaction):
    """A reaction that keeps the event until the next change of state, for a reason."""

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
    """Go to `target`: a state's full name, or the end of it if only one state has that end.

    A target that is an ancestor of the declaring state leaves and re-enters that ancestor, with
    its activities and timers. Such a reaction must say `restart=True`."""
    return To(when, target, _many(update), _many(effects), restart)


def stay(
    *,
    when: Guard | None = None,
    update: Update | Sequence[Update] = (),
    effects: EffectSource | Sequence[EffectSource] = (),
    rearm: str | Sequence[str] = (),
) -> Stay:
    """Stay in the state. `rearm` names timers to restart: its own, its parents', its children's."""
    return Stay(when, _many(update), _many(effects), _many(rearm))


def ignore(reason: str, *, when: Guard | None = None) -> Ignore:
    """Do nothing. The table of states and events shows the reason."""
    return Ignore(when, reason)


def defer(reason: str, *, when: Guard | None = None) -> Defer:
    """Keep the event: it is offered again after the next change of state."""
    return Defer(when, reason)


Reactions = Reaction | Sequence[Reaction]
#: A timer's delay, and its reactions.
After = tuple[Delay, Reactions]


@dataclass(frozen=True)
class State:
    """One state: its reactions, its activity, and its longest duration.

    `on` maps an event's class to a reaction, or to several that are tried in order. `after` maps a
    timer's name to `(delay, reactions)`. `activity` names the activity that runs as long as the
    state lasts. `entry` and `exit` are effects. A state with `children` is compound: a call enters
    it through the child `initial`, by default the first. A `final` state ends the call.

    `role` is the meaning of the state and its children to caller and agent. Reports and timelines
    show a call by its roles, because a chart may give its states any names."""

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
    role: Role | None = None

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
        """Return this state with a change to the state at `path` ("" is this state itself).

        `add` are further children. Reactions in `on` and `after` are tried before the existing
        ones, and replace them if the last new one has no guard. A timer gets the new delay.
        Raises `KeyError` if `path` does not exist."""
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
        reactions = dict(self.on)
        for event, new in (on or {}).items():
            reactions[event] = _in_front(new, reactions.get(event, ()))
        timers = dict(self.after)
        for name, (delay, new) in (after or {}).items():
            timers[name] = (delay, _in_front(new, timers[name][1] if name in timers else ()))
        return replace(self, children=(*self.children, *add), on=reactions, after=timers)


def _in_front(new: Reactions, existing: Reactions) -> tuple[Reaction, ...]:
    front = reactions_of(new)
    return front if front and front[-1].when is None else (*front, *reactions_of(existing))


def after_of(after: After) -> tuple[Delay, tuple[Reaction, ...]]:
    """Return a timer's delay, and its reactions as a tuple."""
    delay, reactions = after
    return delay, _many(reactions)


def reactions_of(reactions: Reactions) -> tuple[Reaction, ...]:
    """Return one reaction or several as a tuple."""
    return _many(reactions)


def named(thing: Any) -> str:
    """Return the name of a guard, update, delay or effect in journals and diagrams."""
    if isinstance(thing, (SettingRef, Effect)):
        return thing.name
    if isinstance(thing, (int, float)):
        return f"{thing:g} s"
    return str(thing.__name__)
