"""The interface to the library `transitions`: what each reaction leaves and enters.

Theory of operation. The declared states and reactions become the states and transitions of one
shared `HierarchicalMachine` (no model, no queue, no auto-transitions, no callback with a side
effect). When a chart is built, it asks the machine two questions for every leaf and every trigger:

1. Which reactions are tried from here, in which order? Every guard says no and notes that it was
   asked. The order is the leaf's own reactions, then its parent's, and so on outwards.
2. What does this reaction leave and enter? Its guard says yes, all others say no, and our state
   class only notes that a state was left or entered.

The machine's answers are the chart's table, which is run, drawn and replayed. So a decision costs a
look-up, and states are left and entered as `transitions` does it. No other module uses
`transitions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from transitions.extensions.nesting import HierarchicalMachine, NestedState

SEPARATOR = "."


class ChartState(NestedState):
    """A state of `transitions` that only notes that it was entered or left."""

    separator = SEPARATOR

    def enter(self, event_data: Any) -> None:
        event_data.model.entered.append(self.name)

    def exit(self, event_data: Any) -> None:
        event_data.model.exited.append(self.name)


class ChartMachine(HierarchicalMachine):
    """The machine of `transitions`, with our state class."""

    state_cls = ChartState


@dataclass
class _Probe:
    """The model of one question: its state, and the states that it left and entered."""

    state: str
    choose: int | None = None
    asked: list[int] = field(default_factory=list)
    exited: list[str] = field(default_factory=list)
    entered: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StateChange:
    """The states that a reaction leaves (innermost first) and enters (outermost first).

    `leaf` is the leaf afterwards."""

    leaf: str
    exits: tuple[str, ...]
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MachineReaction:
    """One reaction as the machine takes it: on `trigger`, from `source` to `target`.

    `target` is None for a reaction that stays."""

    trigger: str
    source: str
    target: str | None


class Machine:
    """The machine of one chart, and the two questions that the chart asks it.

    A reaction is named by its index in `reactions`."""

    def __init__(
        self, states: Sequence[dict[str, object]], reactions: Sequence[MachineReaction]
    ) -> None:
        self._machine = ChartMachine(
            model=None,
            states=list(states),
            transitions=[
                {
                    "trigger": reaction.trigger,
                    "source": reaction.source,
                    "dest": reaction.target,
                    "conditions": [_noting(n)],
                }
                for n, reaction in enumerate(reactions)
            ],
            initial=None,
            auto_transitions=False,
            send_event=True,
            queued=False,
            ignore_invalid_triggers=True,
        )
        self._triggers = {reaction.trigger for reaction in reactions}

    def tried(self, leaf: str, trigger: str) -> tuple[int, ...]:
        """Return the reactions that are tried for `trigger` in `leaf` if all guards say no."""
        return tuple(self._ask(leaf, trigger, None).asked)

    def change(self, leaf: str, trigger: str, reaction: int) -> StateChange:
        """Return the change of state if only the guard of `reaction` says yes."""
        probe = self._ask(leaf, trigger, reaction)
        return StateChange(probe.state, tuple(probe.exited), tuple(probe.entered))

    def _ask(self, leaf: str, trigger: str, choose: int | None) -> _Probe:
        probe = _Probe(leaf, choose)
        if trigger in self._triggers and any(self._sources(leaf, trigger)):
            self._machine.trigger_event(probe, trigger)
        return probe

    def _sources(self, leaf: str, trigger: str) -> Iterator[bool]:
        path = leaf.split(SEPARATOR)
        sources = self._machine.events[trigger].transitions
        return (SEPARATOR.join(path[:n]) in sources for n in range(1, len(path) + 1))


def _noting(number: int) -> Callable[..., bool]:
    def chosen(event_data: Any) -> bool:
        event_data.model.asked.append(number)
        return bool(event_data.model.choose == number)

    return chosen
