"""The path of states of a call, for the report of a failed test: short names and a diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import EllipsisType

from callchart.engine.chart import Chart, Step
from callchart.engine.events import DigitReceived
from callchart.engine.testing.questions import Path, is_in, states

#: The greatest number of unexpected leaves that a diff shows.
MOST_UNEXPECTED = 8


def short_name(chart: Chart, leaf: str) -> str:
    """Return the shortest end of a leaf's full name that no other leaf of the chart ends with."""
    parts = leaf.split(".")
    for start in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[start:])
        if sum(f".{other}".endswith(f".{name}") for other in chart.leaves) == 1:
            return name
    return leaf


def names_with_keys(chart: Chart, steps: Sequence[Step]) -> list[str]:
    """Return the short name of each leaf passed through, with the keys pressed there."""
    keys: list[str] = []
    for step in steps:
        is_again = step.before.recalled[:1] == (step.occurrence,)  # pressed earlier, and deferred
        if isinstance(step.event, DigitReceived) and not is_again:
            keys[-1] += step.event.digit
        if step.entries or not keys:
            keys.append("")
    return [
        f"{short_name(chart, leaf)} (pressed {pressed})" if pressed else short_name(chart, leaf)
        for leaf, pressed in zip(states(steps), keys, strict=True)
    ]


def path_diff(names: Sequence[str], leaves: Sequence[str], expected: Path) -> str:
    """Return the names of a call's leaves, one a line, compared with an expected path.

    A line without a sign names a leaf, and the item of the path that it matches. `-` marks the
    first item that the call did not reach, `+` a leaf that the path does not expect there."""
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
    for name in rest[:MOST_UNEXPECTED]:
        yield f"+ {name}"
    if len(rest) > MOST_UNEXPECTED:
        yield f"+ ({len(rest) - MOST_UNEXPECTED} more)"


def _matched(leaves: Sequence[str], expected: Path) -> list[int]:
    """Return the index of the item that each leaf matches, for as many items as possible.

    Stops before the first leaf that matches no item."""
    ends: list[set[int]] = [{0}]  # by the number of items: the numbers of leaves they can match
    for item in expected:
        further: set[int] = set()
        for start in ends[-1]:
            further.update(_ends(leaves, start, item))
        if not further:
            break
        ends.append(further)
    items = len(ends) - 1
    if items < len(expected) and items and expected[items - 1] is ...:
        items -= 1  # the item after it was found nowhere: show the leaves as unexpected
    end = max(ends[items])
    matched: list[int] = []
    for index in range(items - 1, -1, -1):
        start = min(n for n in ends[index] if end in _ends(leaves, n, expected[index]))
        matched[:0] = [index] * (end - start)
        end = start
    return matched


def _ends(leaves: Sequence[str], start: int, item: str | EllipsisType) -> set[int]:
    """Return the numbers of leaves after an item that begins to match at `start`."""
    if isinstance(item, EllipsisType):
        return set(range(start, len(leaves) + 1))
    ends: set[int] = set()
    while start < len(leaves) and is_in(leaves[start], item):
        start += 1
        ends.add(start)
    return ends


def _described(item: str | EllipsisType) -> str:
    return "..." if isinstance(item, EllipsisType) else item
