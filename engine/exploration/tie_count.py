"""The number of pairs of occurrences that can fall at one instant."""

from __future__ import annotations

from itertools import combinations

from callchart.engine.exploration.explorer import Exploration
from callchart.engine.exploration.zone import can_fire_together, fired


def count_ties(exploration: Exploration) -> int:
    """Count the pairs of two timers, or of a timer and an event, that can fall at one instant."""
    count = 0
    for node in exploration.nodes:
        record = exploration.states[node.state]
        if not record.urgent:
            timers = range(1, len(node.zone))
            can_fire = [t for t in timers if fired(node.zone, t) is not None]
            events = sum(not s.timer for s in record.successors or ())
            pairs = sum(can_fire_together(node.zone, a, b) for a, b in combinations(timers, 2))
            count += len(can_fire) * events + pairs
    return count
