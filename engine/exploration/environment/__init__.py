"""The environment of a call in an exploration: which event each port may send, and when."""

from callchart.engine.exploration.environment.abstraction import NOTHING, CanonicalValues, spoken
from callchart.engine.exploration.environment.phone import Phone
from callchart.engine.exploration.environment.state import EnvironmentState

__all__ = ["NOTHING", "CanonicalValues", "EnvironmentState", "Phone", "spoken"]
