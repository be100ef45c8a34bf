"""Zones: the times after which the running timers of a state may fire.

Theory of operation. A timer counts down: `x` is the time until it fires. A zone bounds each `x` and
each difference of two of them, in whole microseconds (a difference bound matrix): `zone[i][j]` is
the greatest `x_i - x_j`, and place 0 is "now", where `x` is 0. The timers are in the order of their
declaration, which decides between two with one deadline. Every zone here is closed: each bound is
the tightest that follows from all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

Zone = tuple[tuple[int, ...], ...]
#: A timer after a step: its place before the step; or, of a new one, the least and greatest delay
#: (us).
Slot = int | tuple[int, int]

#: No timer runs.
NOTHING: Zone = ((0,),)


def stepped(zone: Zone, slots: Sequence[Slot]) -> Zone:
    """Return the zone after a step: some timers are kept, and others begin."""
    places: list[Slot] = [0, *slots]
    rows = []
    for n, a in enumerate(places):
        row = []
        for m, b in enumerate(places):
            if n == m:
                row.append(0)
            elif isinstance(a, int) and isinstance(b, int):
                row.append(zone[a][b])
            else:
                # The bound from a to now, plus that from now to b.
                to_now_us = zone[a][0] if isinstance(a, int) else a[1]
                row.append(to_now_us + (zone[0][b] if isinstance(b, int) else -b[0]))
        rows.append(tuple(row))
    return tuple(rows)


def elapsed(zone: Zone) -> Zone:
    """Return the zone after any time up to the first deadline."""
    timers = range(1, len(zone))
    # Each `x_j` is at least 0, so `x_i` is at least `x_i - x_j`, which is at least `-zone[j][i]`.
    first = tuple(min((zone[j][i] for j in timers), default=0) for i in timers)
    return ((0, *first), *zone[1:])


def fired(zone: Zone, place: int) -> Zone | None:
    """Return the zone at the moment when this timer fires first, or None if it cannot."""
    size = len(zone)
    if size > 2:
        rows = [list(row) for row in zone]
        for other in range(1, size):
            if other != place:
                # Of two timers with one deadline, the one declared first fires first.
                limit_us = 0 if other > place else -1
                if zone[other][place] + limit_us < 0:
                    return None
                rows[place][other] = min(rows[place][other], limit_us)
        # The new bounds cannot contradict each other: the check above has tested each of them.
        _close(rows)
    else:
        rows = [list(row) for row in zone]
    # Its deadline is now: count the others from now instead of from that deadline.
    for row in rows:
        row[0] = row[place]
    rows[0] = list(rows[place])
    rows[0][0] = 0
    return tuple(tuple(row) for row in rows)


def longest_wait(zone: Zone, place: int) -> int:
    """Return the longest time until this timer fires (us)."""
    return zone[place][0]


def is_within(zone: Zone, other: Zone) -> bool:
    """Return whether `other` contains this zone."""
    return all(
        bound <= other_bound
        for row, other_row in zip(zone, other, strict=True)
        for bound, other_bound in zip(row, other_row, strict=True)
    )


def always_fire_together(zone: Zone, one: int, two: int) -> bool:
    """Return whether two timers fire at one instant in every case."""
    return zone[one][two] == zone[two][one] == 0


def can_fire_together(zone: Zone, one: int, two: int) -> bool:
    """Return whether two timers can fire at one instant, before all others."""
    return (
        zone[one][two] >= 0
        and zone[two][one] >= 0
        and all(
            zone[other][one] >= 0 and zone[other][two] >= 0
            for other in range(1, len(zone))
            if other not in (one, two)
        )
    )


def _close(rows: list[list[int]]) -> None:
    size = range(len(rows))
    for via in size:
        through = rows[via]
        for row in rows:
            first = row[via]
            for j in size:
                if first + through[j] < row[j]:
                    row[j] = first + through[j]
