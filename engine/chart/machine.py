"""The seam to `transitions`: one hierarchical machine, asked what each answer leaves and enters.

Theory of operation. The declarations become the states and transitions of one shared
`HierarchicalMachine` (no model, no queue, no auto-transitions, no callback with a side effect).
When a chart is built, the machine is asked, for every leaf and every event:

1. Which answers are tried from here, in which order? Every guard says no and is noted. That is
   the leaf's own answers, then its parent's, outwards.
2. If this very one is given, what is left and what is entered? Its guard says yes, the others no;
   our state class notes `exit` and `enter` instead of doing anything.

The replies are the chart's table, which is what runs, is drawn and is replayed; so a decision costs
a look-up, and the structure's semantics are those of `transitions` by construction. Nothing else
in Callchart knows `transitions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from transitions.extensions.nesting import HierarchicalMachine, NestedState

SEPARATOR = "."


class ChartState(NestedState):
    """A state that notes that it was left or entered, and does nothing else."""

    separator = SEPARATOR

    def enter(self, event_data: Any) -> None:
        event_data.model.entered.append(self.name)

    def exit(self, event_data: Any) -> None:
        event_data.model.exited.append(self.name)


class ChartMachine(HierarchicalMachine):
    """`transitions`' own machine, with our state."""

    state_cls = ChartState


@dataclass
class _Probe:
    """The model of one question: where it stands, and what was left and entered on the way."""

    state: str
    choose: int | None = None
    asked: list[int] = field(default_factory=list)
    exited: list[str] = field(default_factory=list)
    entered: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StateChange:
    """What one answer does to one leaf: `exits` innermost first, `entries` outermost first."""

    leaf: str
    exits: tuple[str, ...]
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MachineReaction:
    """One answer for the machine: on `trigger`, from `source`, to `target` (None: internal)."""

    trigger: str
    source: str
    target: str | None


class Machine:
    """The shared machine of one chart, and the two questions it is asked."""

    def __init__(
        self, states: Sequence[dict[str, object]], rules: Sequence[MachineReaction]
    ) -> None:
        self._machine = ChartMachine(
            model=None,
            states=list(states),
            transitions=[
                {
                    "trigger": rule.trigger,
                    "source": rule.source,
                    "dest": rule.target,
                    "conditions": [_noting(n)],
                }
                for n, rule in enumerate(rules)
            ],
            initial=None,
            auto_transitions=False,
            send_event=True,
            queued=False,
            ignore_invalid_triggers=True,
        )
        self._triggers = {rule.trigger for rule in rules}

    def tried(self, leaf: str, trigger: str) -> tuple[int, ...]:
        """The rules (by number) that are tried for `trigger` in `leaf` while all guards say no."""
        return tuple(self._ask(leaf, trigger, None).asked)

    def move(self, leaf: str, trigger: str, rule: int) -> StateChange:
        """What happens when `rule` is the one whose guard says yes."""
        probe = self._ask(leaf, trigger, rule)
        return StateChange(probe.state, tuple(probe.exited), tuple(probe.entered))

    def _ask(self, leaf: str, trigger: str, choose: int | None) -> _Probe:
        probe = _Probe(leaf, choose)
        if trigger in self._triggers and any(self._heard(leaf, trigger)):
            self._machine.trigger_event(probe, trigger)
        return probe

    def _heard(self, leaf: str, trigger: str) -> Iterator[bool]:
        path = leaf.split(SEPARATOR)
        heard = self._machine.events[trigger].transitions
        return (SEPARATOR.join(path[:n]) in heard for n in range(1, len(path) + 1))


def _noting(number: int) -> Callable[..., bool]:
    def chosen(event_data: Any) -> bool:
        event_data.model.asked.append(number)
        return bool(event_data.model.choose == number)

    return chosen
