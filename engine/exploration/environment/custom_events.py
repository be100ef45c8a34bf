"""The moves that post a chart's own events, while the activity of the event runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from itertools import product

from callchart.engine.chart import Chart, Configuration
from callchart.engine.events import EVENTS, OUTSIDE, Event
from callchart.engine.exploration import EnvironmentMove
from callchart.engine.exploration.environment.state import EnvironmentState

#: Sample values of a field, by the name of its type.
_VALUES: dict[str, Sequence[object]] = {
    "str": ("", "words"),
    "bool": (False, True),
    "int": (0, 1),
    "float": (0.0, 1.0),
}


def examples(kind: type[Event]) -> Iterator[Event]:
    """Yield events of this class, with all combinations of sample values for required fields."""
    required = [f for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    for values in product(*(_VALUES.get(str(f.type), (None,)) for f in required)):
        yield kind(**dict(zip([f.name for f in required], values, strict=True)))


def custom_moves(
    chart: Chart, configuration: Configuration, now: EnvironmentState
) -> Iterator[EnvironmentMove]:
    """Yield a move for each of the chart's own events that can arrive in this configuration."""
    for kind in chart.events:
        if kind not in EVENTS:
            state = None
            if kind.origin != OUTSIDE:
                stays = [a.state for a in configuration.active]
                running = (s for s in stays if chart.nodes[s].state.activity == kind.origin)
                if (state := next(running, None)) is None:
                    continue
            for event in examples(kind):
                yield EnvironmentMove(f"{event!r}", event, now, state)
