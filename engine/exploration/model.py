"""The interface between an exploration and its model: the environment of a chart, and an
abstraction of its data.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from callchart.engine.chart.decide import Configuration, Step
from callchart.engine.events import Event


@dataclass(frozen=True, slots=True)
class EnvironmentMove:
    """Something that the environment may do next.

    `key` names it without the numbers of this call, so the same move has the same key in all
    states with one representative. `of` is the state whose activity posts the event; None: it
    comes from outside. `stale`: the activity has ended since. `environment` is the environment
    after the move."""

    key: str
    event: Event
    environment: Any
    of: str | None = None
    stale: bool = False


class SearchState(NamedTuple):
    """The state of a call, without the time: its configuration, its data, and the environment."""

    configuration: Configuration
    data: Any
    environment: Any


#: (before, step, environment after it) -> the reason why the property does not hold, or None.
Check = Callable[[SearchState, Step, Any], str | None]


@dataclass(frozen=True, slots=True)
class Property:
    """A property that every step must have. Its name is a sentence."""

    name: str
    check: Check


class Model(Protocol):
    """The environment of one chart's calls, and a finite abstraction of their data.

    The abstraction maps data to a representative of all data that the chart cannot tell apart.
    It must be sound: a step from the representative leads to the same state as a step from the
    data it represents."""

    @property
    def properties(self) -> Sequence[Property]:
        """The properties that every step must have."""
        ...

    def initial_data(self) -> Sequence[Any]:
        """The data that calls begin with."""
        ...

    def initial_environment(self) -> Any:
        """The world before the first step."""
        ...

    def moves(self, state: SearchState) -> Sequence[EnvironmentMove]:
        """Return all that the environment may do next. If it must act at this instant, only
        that."""
        ...

    def late_moves(self, state: SearchState) -> Sequence[EnvironmentMove]:
        """Return events that ended activities posted before their end; tried once in each
        configuration."""
        ...

    def of_one_call(self) -> Model:
        """Return this model without limits on the environment, for a call that is known."""
        ...

    def is_urgent(self, environment: Any) -> bool:
        """Must the environment act at this instant?"""
        ...

    def after(self, environment: Any, step: Step) -> Any:
        """Return the environment after the effects of a step."""
        ...

    def key(self, state: SearchState) -> Hashable:
        """Return a key that is equal for states that the chart and the environment cannot tell
        apart."""
        ...

    def representative(self, state: SearchState) -> SearchState:
        """Return the state that represents all states with this key.

        Of the configuration, only the deferred events change."""
        ...

    def variants(self, data: Any) -> Sequence[tuple[str, Any]]:
        """Return data with one key for which a step can come out differently, each with a note.

        The first is the data itself, with an empty note."""
        ...

    def extremes(self, data: Any, at: int) -> Sequence[Any]:
        """Return data that give the shortest and longest delays among all data with this
        representative."""
        ...
