"""The world around calls, as an exploration plays it: what each port may answer, and when."""

from callchart.engine.exploration.environment.abstraction import NOTHING, Forgotten, spoken
from callchart.engine.exploration.environment.phone import Phone
from callchart.engine.exploration.environment.situation import Situation

__all__ = ["NOTHING", "Forgotten", "Phone", "Situation", "spoken"]
