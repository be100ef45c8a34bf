"""Statecharts as values: declared by states, checked once, decided by a pure function.

`State` declares, `Chart` checks and builds the table, `decide` returns a step. This package is
pure: it uses no Trio, no clock and no I/O.
"""

from callchart.engine.chart.chart import Chart, LeafReaction
from callchart.engine.chart.checks import ChartError
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
