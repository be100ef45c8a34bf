"""The record of one search state: all its successors, and its zones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from callchart.engine.chart.chart import LeafReaction, TimerSpec
from callchart.engine.chart.decide import Outcome
from callchart.engine.exploration.model import SearchState
from callchart.engine.exploration.zone import Slot, Zone, is_within


@dataclass(frozen=True, slots=True, eq=False)
class Successor:
    """A step from one search state to another, without the time.

    `key` names the occurrence, as in `EnvironmentMove`. `timer` is the index, in the zone, of the
    timer that fired, or 0 for an event or an untimed timer. `to` is the number of a state. `slots`
    says which timers keep running and which begin."""

    key: str
    trigger: str
    outcome: Outcome
    to: int
    timer: int
    slots: tuple[Slot, ...]
    edge: LeafReaction | None
    #: The step changes nothing, not even a timer.
    idle: bool = False
    #: The names of the step's effects, and the history after it.
    does: tuple[Any, ...] = ()

    def is_like(self, other: Successor) -> bool:
        """Return whether both have the same key, target, slots and reaction."""
        return (self.key, self.to, self.slots, self.edge) == (
            other.key,
            other.to,
            other.slots,
            other.edge,
        )


@dataclass(frozen=True, slots=True)
class Breach:
    """A step that breaks a property: the name of the property, and the reason."""

    name: str
    how: str
    key: str
    timer: int


@dataclass(eq=False)
class StateRecord:
    """A search state and its successors. In an `urgent` state no time passes."""

    number: int
    state: SearchState
    #: Its timers except the untimed ones, in the order of declaration.
    timers: tuple[TimerSpec, ...]
    urgent: bool
    successors: tuple[Successor, ...] | None = None
    breaches: tuple[Breach, ...] = ()
    #: The zones that were reached, except those inside another, and their nodes.
    zones: list[tuple[Zone, int]] = field(default_factory=list)
    #: The least and greatest delays (us) of the timers that begin on the way into this state.
    bounds: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def leaf(self) -> str:
        return self.state.configuration.leaf

    def node_of(self, zone: Zone) -> int:
        """Return the node whose zone contains this zone."""
        return next(node for known, node in self.zones if is_within(zone, known))
