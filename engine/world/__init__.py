"""The world around calls, as an exploration plays it: what each port may answer, and when."""

from engine.world.likeness import NOTHING, Forgotten, spoken
from engine.world.phone import Phone
from engine.world.situation import Situation

__all__ = ["NOTHING", "Forgotten", "Phone", "Situation", "spoken"]
