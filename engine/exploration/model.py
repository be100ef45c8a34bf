"""The interface between an exploration and its model: environment, abstraction, properties."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from callchart.engine.chart.decide import Configuration, Step
from callchart.engine.events import Event


@dataclass(frozen=True, slots=True)
class EnvironmentMove:
    """A move that the environment may make next: it posts `event`.

    `key` names the move without the numbers of the call: in all states with one representative, the
    same move has the same key. `environment` is the environment after the move. `state` is the
    state whose activity posts the event, or None for an event from outside. `stale`: the activity
    has ended."""

    key: str
    event: Event
    environment: Any
    state: str | None = None
    stale: bool = False


class SearchState(NamedTuple):
    """The state of a call, without the time: its configuration, its data, and the environment."""

    configuration: Configuration
    data: Any
    environment: Any


#: (state before, step, environment after it) -> the reason why the step breaks the property, or
#: None.
Check = Callable[[SearchState, Step, Any], str | None]


@dataclass(frozen=True, slots=True)
class Property:
    """A property that every step must have. Its name is a sentence about calls."""

    name: str
    check: Check


class Model(Protocol):
    """The environment of one chart's calls, and a finite abstraction of their data.

    The abstraction maps data to one representative of all data that the chart cannot tell apart.
    It must be sound: a step from the representative must lead to the same state as a step from the
    represented data."""

    @property
    def properties(self) -> Sequence[Property]:
        """The properties that every step must have."""
        ...

    def initial_data(self) -> Sequence[Any]:
        """Return the data with which a call may begin."""
        ...

    def initial_environment(self) -> Any:
        """Return the environment before the first step."""
        ...

    def moves(self, state: SearchState) -> Sequence[EnvironmentMove]:
        """Return the moves that may come next; if one must come at this instant, only that one."""
        ...

    def late_moves(self, state: SearchState) -> Sequence[EnvironmentMove]:
        """Return moves with events that come too late, such as those of ended activities.

        They are tried once in each configuration."""
        ...

    def of_one_call(self) -> Model:
        """Return this model without limits on the number of moves, for one given call."""
        ...

    def is_urgent(self, environment: Any) -> bool:
        """Return True if the environment must move at this instant."""
        ...

    def after(self, environment: Any, step: Step) -> Any:
        """Return the environment after the effects of a step."""
        ...

    def key(self, state: SearchState) -> Hashable:
        """Return a key, equal for all states that neither chart nor environment can tell apart."""
        ...

    def representative(self, state: SearchState) -> SearchState:
        """Return the state that represents all states with the key of this one.

        In the configuration, only deferred events may differ."""
        ...

    def variants(self, data: Any) -> Sequence[tuple[str, Any]]:
        """Return (note, data) for all data with this key that can give a step another result.

        The first is the given data, with an empty note."""
        ...

    def extremes(self, data: Any, at_us: int) -> Sequence[Any]:
        """Return the data with the shortest and the longest delays that `data` represents."""
        ...
