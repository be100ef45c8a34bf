"""A chart that is explored: all its calls, event by event, and what holds of each of them."""

from callchart.engine.exploration.concretize import Unreal, concrete
from callchart.engine.exploration.coverage import Declared, answers, unexplored
from callchart.engine.exploration.explorer import Exploration, Violation
from callchart.engine.exploration.liveness import leave_alone
from callchart.engine.exploration.model import Model, Move, Property, Standing
from callchart.engine.exploration.representatives import NOW
from callchart.engine.exploration.tie_count import count_ties
from callchart.engine.exploration.trace import told

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
