"""The exploration of a chart: all its calls, and the properties that each step must have."""

from callchart.engine.exploration.concretize import Infeasible, concretize
from callchart.engine.exploration.coverage import (
    Declared,
    declared_reactions,
    guards_into,
    never_entered,
    outermost,
    unexplored,
)
from callchart.engine.exploration.explorer import Exploration, Violation
from callchart.engine.exploration.liveness import check_liveness
from callchart.engine.exploration.model import EnvironmentMove, Model, Property, SearchState
from callchart.engine.exploration.moments import MomentDependence
from callchart.engine.exploration.representatives import NOW
from callchart.engine.exploration.tie_count import count_ties
from callchart.engine.exploration.trace import trace_of

__all__ = [
    "NOW",
    "Declared",
    "EnvironmentMove",
    "Exploration",
    "Infeasible",
    "Model",
    "MomentDependence",
    "Property",
    "SearchState",
    "Violation",
    "check_liveness",
    "concretize",
    "count_ties",
    "declared_reactions",
    "guards_into",
    "never_entered",
    "outermost",
    "trace_of",
    "unexplored",
]
