"""The journal of a call as text: one aligned line for each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def readable(journal: Sequence[Mapping[str, Any]]) -> str:
    """Return the lines: time (s), outcome, event, and the states before and after the step."""
    return "\n".join(_lines(journal))


def _lines(journal: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    steps = journal[1:]
    common = _common_root([step["to"] for step in steps])
    for step in steps:
        event = dict(step["event"])
        kind = event.pop("type")
        if kind == "TimerFired":
            what = f"after {event['state'].removeprefix(common)} {event['timer']}"
        else:
            what = f"{kind}({', '.join(f'{name}={value!r}' for name, value in event.items())})"
        before, after = (step[end].removeprefix(common) for end in ("from", "to"))
        where = after if before == after else f"{before or '(none)'} -> {after}"
        yield f"{step['at'] / 1e6:9.3f}  {step['outcome']:<8}  {what:<58}  {where}"


def _common_root(leaves: Sequence[str]) -> str:
    """Return the most frequent outermost state, with a dot: the lines leave it out."""
    roots = [leaf.partition(".")[0] for leaf in leaves if "." in leaf]
    return f"{max(set(roots), key=roots.count)}." if roots else ""
