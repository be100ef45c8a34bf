"""The world around calls, as an exploration plays it: what each port may answer, and when."""

from callchart.engine.exploration.environment.abstraction import NOTHING, CanonicalValues, spoken
from callchart.engine.exploration.environment.phone import Phone
from callchart.engine.exploration.environment.state import EnvironmentState

__all__ = ["NOTHING", "CanonicalValues", "EnvironmentState", "Phone", "spoken"]
