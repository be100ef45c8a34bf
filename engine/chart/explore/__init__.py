"""A chart that is explored: all its calls, event by event, and what holds of each of them."""

from engine.chart.explore.alone import leave_alone
from engine.chart.explore.concrete import Unreal, concrete
from engine.chart.explore.coverage import Declared, answers, unexplored
from engine.chart.explore.explorer import Exploration, Violation
from engine.chart.explore.model import Model, Move, Property, Standing
from engine.chart.explore.standings import NOW
from engine.chart.explore.ties import count_ties
from engine.chart.explore.told import told

__all__ = [
    "NOW",
    "Declared",
    "Exploration",
    "Model",
    "Move",
    "Property",
    "Standing",
    "Unreal",
    "Violation",
    "answers",
    "concrete",
    "count_ties",
    "leave_alone",
    "told",
    "unexplored",
]
