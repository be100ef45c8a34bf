"""What an exploration needs to know of the world around a chart, and of the chart's data."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from callchart.engine.chart.decide import Configuration, Step
from callchart.engine.events import Event


@dataclass(frozen=True, slots=True)
class EnvironmentMove:
    """Something that the world may do next.

    `key` names it without the numbers of this call: the same move of another call that stands
    alike has the same key. `of` is the state whose activity says so, None: it comes from outside.
    `stale`: it was said by an activity that is over. `world` is how the world stands afterwards."""

    key: str
    event: Event
    environment: Any
    of: str | None = None
    stale: bool = False


class SearchState(NamedTuple):
    """Where a call stands, but for the time: its configuration, its data, and the world."""

    configuration: Configuration
    data: Any
    environment: Any


#: (before, step, world afterwards) -> what is wrong, or None.
Check = Callable[[SearchState, Step, Any], str | None]


@dataclass(frozen=True, slots=True)
class Property:
    """Something that holds of every step. Its name is a sentence."""

    name: str
    check: Check


class Model(Protocol):
    """The world around one chart's calls, and a finite abstraction of their data.

    The abstraction maps data to data: to one that stands for all that the chart cannot tell apart.
    It must not lie: a step from the representative must lead where the step from what it stands for
    does."""

    @property
    def properties(self) -> Sequence[Property]:
        """What must hold of every step."""
        ...

    def beginnings(self) -> Sequence[Any]:
        """The data that calls begin with."""
        ...

    def opening(self) -> Any:
        """The world before the first step."""
        ...

    def moves(self, state: SearchState) -> Sequence[EnvironmentMove]:
        """All that the world may do next. Where it must, at this instant, that alone."""
        ...

    def late_moves(self, state: SearchState) -> Sequence[EnvironmentMove]:
        """What activities that are over had said before that: tried once in each configuration."""
        ...

    def of_one_call(self) -> Model:
        """The same without bounds on what the world may do: for a call that is known."""
        ...

    def is_urgent(self, environment: Any) -> bool:
        """Must the world do something at this instant?"""
        ...

    def after(self, environment: Any, step: Step) -> Any:
        """The world when the step was carried out."""
        ...

    def key(self, state: SearchState) -> Hashable:
        """Equal for the data, and the worlds, that the chart and the world cannot tell apart."""
        ...

    def representative(self, state: SearchState) -> SearchState:
        """A state that has the same key, and is the same for all of that key.

        Of the configuration, only what was put off is changed."""
        ...

    def variants(self, data: Any) -> Sequence[tuple[str, Any]]:
        """Data that differ where a step can come out differently, and yet have one key; each with
        a word on how. The first is the data itself, without a word."""
        ...

    def extremes(self, data: Any, at: int) -> Sequence[Any]:
        """Data between which all lie that this data stands for, as far as delays can tell."""
        ...
