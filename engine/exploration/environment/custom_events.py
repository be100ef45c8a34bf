"""The moves of a chart's own events. Each may happen while its origin exists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from itertools import product

from callchart.engine.chart import Chart, Configuration
from callchart.engine.events import EVENTS, OUTSIDE, Event
from callchart.engine.exploration import EnvironmentMove
from callchart.engine.exploration.environment.state import EnvironmentState

#: Sample values of a field, by its type.
_VALUES: dict[str, Sequence[object]] = {
    "str": ("", "words"),
    "bool": (False, True),
    "int": (0, 1),
    "float": (0.0, 1.0),
}


def examples(kind: type[Event]) -> Iterator[Event]:
    """Yield events of that kind, with the sample values of each field without a default."""
    asked = [f for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    for values in product(*(_VALUES.get(str(f.type), (None,)) for f in asked)):
        yield kind(**dict(zip([f.name for f in asked], values, strict=True)))


def custom_moves(
    chart: Chart, configuration: Configuration, now: EnvironmentState
) -> Iterator[EnvironmentMove]:
    """Yield a move for each of the chart's own events that can arrive in this configuration."""
    for kind in chart.events:
        if kind not in EVENTS:
            of = None
            if kind.origin != OUTSIDE:
                stays = [a.state for a in configuration.active]
                running = (s for s in stays if chart.nodes[s].state.activity == kind.origin)
                if (of := next(running, None)) is None:
                    continue
            for event in examples(kind):
                yield EnvironmentMove(f"{event!r}", event, now, of)
