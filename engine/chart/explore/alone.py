"""What becomes of a call that is left alone, wherever it stands: only its timers are due.

So it must come to its end, within a bound, and by other ways than the whole call's own bound; no
wait may be without end, no circle of timers closed."""

from __future__ import annotations

from collections.abc import Iterator

from engine.chart.explore.explorer import Exploration
from engine.chart.explore.rules import ENDS_ALONE, NO_CIRCLE, NO_RIVALS
from engine.chart.explore.zone import always_at_once, longest_wait


def leave_alone(exploration: Exploration) -> float:
    """The longest time that a call lasts once nothing happens any more, in seconds.

    What is wrong is noted as a violation of the exploration's."""
    _note_rivals(exploration)
    longest: dict[int, int] = {}
    for start in range(len(exploration.nodes)):
        if start not in longest:
            _follow(exploration, start, longest)
    return max(longest.values(), default=0) / 1_000_000


def _follow(exploration: Exploration, start: int, longest: dict[int, int]) -> None:
    """Depth first along what is due: `longest` is known of all that is reached."""
    path: dict[int, Iterator[tuple[int, int, str]]] = {}
    waited: list[int] = []
    keys: list[str] = []
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
                keys.pop()
                longest[stack[-1]] = max(longest[stack[-1]], wait + longest[node])
            continue
        to, wait, key = ahead
        if to in path:
            since = stack.index(to)
            round_trip = sum(waited[since:]) + wait
            name = ENDS_ALONE if round_trip else NO_CIRCLE
            leaf = exploration.leaf(to)
            how = f"from {leaf} on it comes back to {leaf}"
            exploration.violate(name, how, start, *keys, key)
        elif to in longest:
            longest[node] = max(longest[node], wait + longest[to])
        else:
            longest[to] = 0
            path[to] = _due(exploration, to)
            stack.append(to)
            waited.append(wait)
            keys.append(key)


def _due(exploration: Exploration, node: int) -> Iterator[tuple[int, int, str]]:
    """(node, how long until then at most in us, key) of all that can be due first."""
    zone = exploration.nodes[node].zone
    explored = exploration.explored[exploration.nodes[node].standing]
    found = False
    for successor, to in exploration.ahead(node):
        if explored.urgent:
            found = True
            yield to, 0, successor.key
        elif successor.timer:
            found = True
            yield to, longest_wait(zone, successor.timer), successor.key
    if not found and not exploration.chart.is_final(explored.leaf):
        exploration.violate(ENDS_ALONE, f"{explored.leaf} can wait for ever", node)


def _note_rivals(exploration: Exploration) -> None:
    for number, node in enumerate(exploration.nodes):
        explored = exploration.explored[node.standing]
        fires = {s.timer: s for s in explored.successors or () if s.timer}
        for one in fires:
            for two in fires:
                if one < two and always_at_once(node.zone, one, two):
                    targets = [exploration.explored[fires[t].to].leaf for t in (one, two)]
                    if targets[0] != targets[1]:
                        exploration.violate(
                            NO_RIVALS,
                            f"{fires[one].key} leads to {targets[0]}, {fires[two].key} to "
                            f"{targets[1]}; only the order of their declaration decides",
                            number,
                        )
