"""Statecharts as values: declared in `states/`, built once, decided purely, drawn from one table.

`State` declares, `Chart` builds and refuses, `decide` answers. No Trio, no clock, no I/O.
"""

from callchart.engine.chart.chart import Chart, ChartError, Edge
from callchart.engine.chart.decide import (
    Configuration,
    Occurrence,
    Outcome,
    Step,
    Timer,
    begin,
    decide,
)
from callchart.engine.chart.state import (
    Answer,
    Effect,
    State,
    Update,
    after_of,
    defer,
    ignore,
    stay,
    to,
)

__all__ = [
    "Answer",
    "Chart",
    "ChartError",
    "Configuration",
    "Edge",
    "Effect",
    "Occurrence",
    "Outcome",
    "State",
    "Step",
    "Timer",
    "Update",
    "after_of",
    "begin",
    "decide",
    "defer",
    "ignore",
    "stay",
    "to",
]
