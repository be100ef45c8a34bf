"""The check that each call ends if nothing happens except its timers.

From each node, timers must end the call within a limit, without the timers of the whole call. So no
state may wait without a limit, and timers must not lead back to the same node in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from callchart.engine.chart.decide import microseconds
from callchart.engine.chart.state import Stay
from callchart.engine.exploration.explorer import Exploration
from callchart.engine.exploration.invariants import ENDS_ALONE, NO_CIRCLE, NO_RIVALS
from callchart.engine.exploration.zone import always_fire_together, longest_wait

#: For each node, its successors if only timers fire: (node, longest wait in us, key).
Due = dict[int, list[tuple[int, int, str]]]


def check_liveness(exploration: Exploration) -> float:
    """Return the longest time (s) that a call lasts when nothing happens except its timers.

    Notes violations in the exploration, each with the shortest call that shows it."""
    _note_rivals(exploration)
    longest: dict[int, int] = {}
    broken: set[str] = set()
    for start in range(len(exploration.nodes)):
        if start not in longest:
            broken |= _follow(exploration, start, longest)
    _note_endless(exploration, broken)
    return max(longest.values(), default=0) / 1_000_000


def _follow(exploration: Exploration, start: int, longest: dict[int, int]) -> set[str]:
    """Follow the timers depth first from `start`, and fill `longest` for all nodes reached.

    Return the names of the properties that are broken by the circles found."""
    path: dict[int, Iterator[tuple[int, int, str]]] = {}
    waited: list[int] = []
    broken: set[str] = set()
    stack = [start]
    path[start] = _due(exploration, start)
    longest[start] = 0
    while stack:
        node = stack[-1]
        ahead = next(path[node], None)
        if ahead is None:
            stack.pop()
            del path[node]
            if stack:
                wait = waited.pop()
                longest[stack[-1]] = max(longest[stack[-1]], wait + longest[node])
            continue
        to, wait, _ = ahead
        if to in path:
            round_trip = sum(waited[stack.index(to) :]) + wait
            broken.add(ENDS_ALONE if round_trip else NO_CIRCLE)
        elif to in longest:
            longest[node] = max(longest[node], wait + longest[to])
        else:
            longest[to] = 0
            path[to] = _due(exploration, to)
            stack.append(to)
            waited.append(wait)
    return broken


def _due(exploration: Exploration, node: int) -> Iterator[tuple[int, int, str]]:
    """Yield (node, longest wait in us, key) for each step that can come without a new event."""
    zone = exploration.nodes[node].zone
    record = exploration.states[exploration.nodes[node].state]
    for successor, to in exploration.successors_of(node):
        if record.urgent:
            yield to, 0, successor.key
        elif successor.timer:
            yield to, longest_wait(zone, successor.timer), successor.key


# --- the shortest call -----------------------------------------------------------------------


def _note_endless(exploration: Exploration, broken: set[str]) -> None:
    """Note the nearest wait without limit or the nearest circle as a violation."""
    nodes = range(len(exploration.nodes))
    stuck = next((node for node in nodes if _is_stuck(exploration, node)), None)
    due = {node: list(_due(exploration, node)) for node in nodes} if broken else {}
    if NO_CIRCLE in broken:
        untimed = {node: [step for step in ahead if not step[1]] for node, ahead in due.items()}
        _note_circle(exploration, NO_CIRCLE, _circle(exploration, untimed, timed=False))
    circle = None
    if ENDS_ALONE in broken:
        circle = _circle(exploration, due, timed=True)
    if stuck is not None:
        path = len(exploration.path_to(stuck))
        if circle is None or path <= len(exploration.path_to(circle[0])) + len(circle[1]):
            how = f"{exploration.leaf(stuck)} can wait without end"
            exploration.violate(ENDS_ALONE, how, stuck)
    _note_circle(exploration, ENDS_ALONE, circle)


def _is_stuck(exploration: Exploration, node: int) -> bool:
    """Return True if no timer fires in a node, and the call has not ended."""
    if exploration.chart.is_final(exploration.leaf(node)):
        return False
    return next(_due(exploration, node), None) is None


def _note_circle(
    exploration: Exploration, name: str, circle: tuple[int, tuple[str, ...]] | None
) -> None:
    if circle is not None:
        node, keys = circle
        leaf = exploration.leaf(node)
        exploration.violate(name, f"it comes back from {leaf} to {leaf}", node, *keys)


def _circle(
    exploration: Exploration, due: Due, *, timed: bool
) -> tuple[int, tuple[str, ...]] | None:
    """Return the circle with the fewest steps to it and around it, as (its first node, its keys).

    A `timed` circle takes time."""
    due = _in_circles(due)
    found, fewest = None, len(exploration.nodes) * 3
    for start in sorted(due):  # as they were reached: the nearest first
        path = len(exploration.path_to(start))
        keys = _round(due, start, fewest - path - 1, timed=timed)
        if keys is not None:
            found, fewest = (start, keys), path + len(keys)
    return found


def _in_circles(due: Due) -> Due:
    """Return the part of `due` that can lead into a circle."""
    while True:
        rest = {node: [step for step in ahead if step[0] in due] for node, ahead in due.items()}
        rest = {node: ahead for node, ahead in rest.items() if ahead}
        if len(rest) == len(due):
            return rest
        due = rest


def _round(due: Due, start: int, limit: int, *, timed: bool) -> tuple[str, ...] | None:
    """Return the keys of a shortest path from a node back to itself.

    Return None if it has more than `limit` steps."""
    paths: dict[tuple[int, bool], tuple[str, ...]] = {(start, not timed): ()}
    frontier = list(paths)
    for _ in range(limit):
        reached = []
        for node, passed in frontier:
            for to, wait, key in due[node]:
                here = to, passed or wait > 0
                path = (*paths[node, passed], key)
                if here == (start, True):
                    return path
                if here not in paths:
                    paths[here] = path
                    reached.append(here)
        frontier = reached
        if not frontier:
            break
    return None


# --- rivals: two timers that always fire at one instant -------------------------------------------


def _note_rivals(exploration: Exploration) -> None:
    whole = _of_the_whole_call(exploration)
    for number, node in enumerate(exploration.nodes):
        successors = exploration.states[node.state].successors or ()
        fires = {s.timer: s for s in successors if s.timer}
        rivals = [
            (fires[one], fires[two])
            for one, two in combinations(sorted(fires), 2)
            if always_fire_together(node.zone, one, two)
        ]
        if whole:
            keys = {s.key: s for s in successors}
            rivals += [(keys[a], keys[b]) for a, b in whole if a in keys and b in keys]
        for one_first, other_first in rivals:
            targets = [exploration.states[s.to].leaf for s in (one_first, other_first)]
            if targets[0] != targets[1]:
                exploration.violate(
                    NO_RIVALS,
                    f"{one_first.key} leads to {targets[0]}, {other_first.key} to "
                    f"{targets[1]}; only the order of their declaration decides",
                    number,
                )


def _of_the_whole_call(exploration: Exploration) -> list[tuple[str, str]]:
    """Return the keys of each two timers of the whole call that always fire at one instant.

    They begin together and have equal delays. No zone has their deadlines."""
    chart, data = exploration.chart, exploration.model.initial_data()[0]
    reactions = (declaration.reaction for declaration in chart.declarations())
    rearmed = {name for one in reactions if isinstance(one, Stay) for name in one.rearm}
    known = [
        (timer, microseconds(timer.delay, data, 0))
        for timer in chart.timers
        if timer.order in exploration.untimed
        and not callable(timer.delay)
        and timer.name not in rearmed
    ]
    return [
        (one.trigger, two.trigger)
        for (one, delay_us), (two, other_us) in combinations(known, 2)
        if one.state == two.state and delay_us == other_us
    ]
