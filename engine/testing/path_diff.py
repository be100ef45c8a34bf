"""The path of states of a call, for the report of a failed test: short names and a diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import EllipsisType

from callchart.engine.chart import Chart, Step
from callchart.engine.events import DigitReceived
from callchart.engine.testing.questions import Path, is_in, states

#: The greatest number of unexpected leaves that a diff shows.
MAX_UNEXPECTED = 8


def short_name(chart: Chart, leaf: str) -> str:
    """Return the shortest end of a leaf's full name that no other leaf of the chart has."""
    parts = leaf.split(".")
    for start in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[start:])
        if sum(f".{other}".endswith(f".{name}") for other in chart.leaves) == 1:
            return name
    return leaf


def names_with_keys(chart: Chart, steps: Sequence[Step]) -> list[str]:
    """Return the short name of each leaf in order, with the keys that were pressed there."""
    keys: list[str] = []
    for step in steps:
        is_recalled = step.before.recalled[:1] == (step.occurrence,)  # the key was pressed earlier
        if isinstance(step.event, DigitReceived) and not is_recalled:
            keys[-1] += step.event.digit
        if step.entries or not keys:
            keys.append("")
    return [
        f"{short_name(chart, leaf)} (pressed {pressed})" if pressed else short_name(chart, leaf)
        for leaf, pressed in zip(states(steps), keys, strict=True)
    ]


def path_diff(names: Sequence[str], leaves: Sequence[str], expected: Path) -> str:
    """Return the names of a call's leaves, one on each line, compared with an expected path.

    A line without a sign has a leaf, and the item of the path that it matches. `-` marks the first
    item that the call did not reach, `+` a leaf that the path does not expect there."""
    return "\n".join(_lines(names, leaves, expected))


def _lines(names: Sequence[str], leaves: Sequence[str], expected: Path) -> Iterator[str]:
    matched = _matched(leaves, expected)
    width = max([len(name) for name, _ in zip(names, matched, strict=False)], default=0)
    for name, index in zip(names, matched, strict=False):
        yield f"  {name:<{width}}  {_described(expected[index])}"
    for item in expected[matched[-1] + 1 if matched else 0 :]:
        if not isinstance(item, EllipsisType):
            yield f"- {item}"
            break
    rest = names[len(matched) :]
    for name in rest[:MAX_UNEXPECTED]:
        yield f"+ {name}"
    if len(rest) > MAX_UNEXPECTED:
        yield f"+ ({len(rest) - MAX_UNEXPECTED} more)"


def _matched(leaves: Sequence[str], expected: Path) -> list[int]:
    """Return the index of the item that each leaf matches, for as many items as possible.

    Stops before the first leaf that matches no item."""
    ends: list[set[int]] = [{0}]  # for the first n items: the numbers of leaves they can match
    for item in expected:
        further: set[int] = set()
        for start in ends[-1]:
            further.update(_ends(leaves, start, item))
        if not further:
            break
        ends.append(further)
    items = len(ends) - 1
    if items < len(expected) and items and expected[items - 1] is ...:
        items -= 1  # no leaf matches the item after `...`: show all leaves as unexpected
    end = max(ends[items])
    matched: list[int] = []
    for index in range(items - 1, -1, -1):
        start = min(n for n in ends[index] if end in _ends(leaves, n, expected[index]))
        matched[:0] = [index] * (end - start)
        end = start
    return matched


def _ends(leaves: Sequence[str], start: int, item: str | EllipsisType) -> set[int]:
    """Return the indices at which an item can end if its first leaf is at `start`."""
    if isinstance(item, EllipsisType):
        return set(range(start, len(leaves) + 1))
    ends: set[int] = set()
    while start < len(leaves) and is_in(leaves[start], item):
        start += 1
        ends.add(start)
    return ends


def _described(item: str | EllipsisType) -> str:
    return "..." if isinstance(item, EllipsisType) else item
