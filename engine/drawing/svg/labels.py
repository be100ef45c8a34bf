"""The labels of arrows: lines that name events and timers, in a longer or a shorter form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from callchart.engine.drawing.model import DrawnReaction
from callchart.engine.drawing.svg.shapes import ICON
from callchart.engine.drawing.svg.text import LINE, text_width


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a label: an event or a timer, and its guard.

    `timed` puts a clock before it. Where two arrows share a stack of lines, `way` is the direction
    of the line's arrow: "down" or "up". `events` are the names in `data-event`."""

    text: str
    guard: str = ""
    timed: bool = False
    way: str = ""
    events: tuple[str, ...] = ()

    @property
    def width(self) -> float:
        """The width of text, guard and signs."""
        signs = ICON * (bool(self.timed) + bool(self.way))
        guard = text_width(f" {self.guard}") if self.guard else 0.0
        return signs + text_width(self.text) + guard


def size_of(lines: Sequence[Line]) -> tuple[float, float]:
    """Return the width and the height of lines under one another."""
    return max((line.width for line in lines), default=0.0), LINE * len(lines)


def wrapped(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines with each guard on a separate line: narrower and higher."""
    made: list[Line] = []
    for line in lines:
        made.append(replace(line, guard=""))
        if line.guard:
            made.append(Line("", line.guard, events=line.events))
    return tuple(made)


def shortened(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines with "[…]" for every guard."""
    return tuple(replace(line, guard="[…]" if line.guard else "") for line in lines)


def paired(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines with "[…]" for guards. Two lines become one if the first has no guard."""
    made: list[Line] = []
    for line in shortened(lines):
        last = made[-1] if made else None
        if last and not last.guard and last.timed == line.timed and ", " not in last.text:
            both = (*last.events, *line.events)
            made[-1] = replace(line, text=f"{last.text}, {line.text}", events=both)
        else:
            made.append(line)
    return tuple(made)


def summary(
    reactions: Iterable[DrawnReaction], everywhere: Sequence[DrawnReaction]
) -> tuple[Line, ...]:
    """Return the label of an arrow for all these reactions: one line for each trigger.

    A line has a guard only if another reaction to the trigger (among `everywhere`) leads
    elsewhere."""
    given = list(reactions)
    chosen = set(given)
    by_trigger: dict[tuple[str, bool], list[DrawnReaction]] = defaultdict(list)
    for reaction in given:
        by_trigger[reaction.trigger, reaction.timer is not None].append(reaction)
    lines = []
    for (trigger, timed), same in by_trigger.items():
        homes = {(r.source, r.trigger) for r in same}
        rivals = [r for r in everywhere if (r.source, r.trigger) in homes and r not in chosen]
        guards = list(dict.fromkeys(r.guard for r in same)) if rivals else [None]
        guard = "[…]" if len(guards) > 1 else f"[{guards[0]}]"
        events = tuple(dict.fromkeys(r.event for r in same))
        lines.append(Line(trigger, "" if None in guards else guard, timed, events=events))
    return tuple(lines)
