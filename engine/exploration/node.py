"""What is known of one state: where a call stands but for the time, and all that can happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from callchart.engine.chart.chart import LeafReaction, TimerSpec
from callchart.engine.chart.decide import Outcome
from callchart.engine.exploration.model import SearchState
from callchart.engine.exploration.zone import Slot, Zone, is_within


@dataclass(frozen=True, slots=True, eq=False)
class Successor:
    """A step that was explored, but for the time.

    `key` names what happened, as in `EnvironmentMove`. `timer` is the place of the timer that
    fired, or 0 for an event or an untimed timer. `to` is the number of a state. `slots` says which
    timers keep running and which begin."""

    key: str
    trigger: str
    outcome: Outcome
    to: int
    timer: int
    slots: tuple[Slot, ...]
    edge: LeafReaction | None
    #: It changes nothing, not even a timer.
    idle: bool = False
    #: The effects that it commands, by name, and what it adds to what was said and done.
    does: tuple[Any, ...] = ()

    def is_like(self, other: Successor) -> bool:
        """Does the same happen, and lead to the same?"""
        return (self.key, self.to, self.slots, self.edge) == (
            other.key,
            other.to,
            other.slots,
            other.edge,
        )


@dataclass(frozen=True, slots=True)
class Breach:
    """A step that breaks a property: of which, and how."""

    name: str
    how: str
    key: str
    timer: int


@dataclass(eq=False)
class StateRecord:
    """A state, and all that can happen in it. `urgent`: no time passes in it."""

    number: int
    state: SearchState
    #: The places of its timers that are counted, in the order of declaration.
    timers: tuple[TimerSpec, ...]
    urgent: bool
    successors: tuple[Successor, ...] | None = None
    breaches: tuple[Breach, ...] = ()
    #: The greatest zones reached, and their nodes.
    zones: list[tuple[Zone, int]] = field(default_factory=list)
    #: The least and greatest delays (us) of timers that begin as the call comes to stand here.
    bounds: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def leaf(self) -> str:
        return self.state.configuration.leaf

    def node_of(self, zone: Zone) -> int:
        """The node that holds this zone."""
        return next(node for known, node in self.zones if is_within(zone, known))
