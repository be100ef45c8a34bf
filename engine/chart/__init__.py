"""Statecharts as values: declared in `states/`, built once, decided purely, drawn from one table.

`State` declares, `Chart` builds and refuses, `decide` answers. No Trio, no clock, no I/O.
"""

from callchart.engine.chart.chart import Chart, ChartError, LeafReaction
from callchart.engine.chart.decide import (
    Configuration,
    Occurrence,
    Outcome,
    RunningTimer,
    Step,
    begin,
    decide,
)
from callchart.engine.chart.state import (
    Effect,
    Reaction,
    State,
    Update,
    after_of,
    defer,
    ignore,
    stay,
    to,
)

__all__ = [
    "Chart",
    "ChartError",
    "Configuration",
    "Effect",
    "LeafReaction",
    "Occurrence",
    "Outcome",
    "Reaction",
    "RunningTimer",
    "State",
    "Step",
    "Update",
    "after_of",
    "begin",
    "decide",
    "defer",
    "ignore",
    "stay",
    "to",
]
