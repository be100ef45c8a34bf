"""The declared reactions of a chart that an exploration has taken, and those that it has not."""

from __future__ import annotations

from dataclasses import dataclass

from callchart.engine.chart.chart import Chart
from callchart.engine.chart.state import Reaction, To, named
from callchart.engine.exploration.explorer import Exploration


@dataclass(frozen=True, slots=True)
class Declared:
    """One reaction, as a state declares it: number `place` (from 0) of those to this trigger."""

    source: str
    trigger: str
    place: int

    def described(self, chart: Chart) -> str:
        """Return the row of the chart's table: source, trigger, guard and target."""
        answer = answers(chart)[self]
        when = f" [{named(answer.when)}]" if answer.when else ""
        what = f" -> {answer.target}" if isinstance(answer, To) else f" {_kind(answer)}"
        return f"{self.source}, {self.trigger}{when}{what}"


def _kind(answer: Reaction) -> str:
    return type(answer).__name__.lower()


def answers(chart: Chart) -> dict[Declared, Reaction]:
    """All that are declared, in the order of declaration."""
    found: dict[Declared, Reaction] = {}
    for declaration in chart.declarations():
        source, trigger = declaration.source, declaration.trigger
        place = sum(d.source == source and d.trigger == trigger for d in found)
        found[Declared(source, trigger, place)] = declaration.reaction
    return found


def unexplored(exploration: Exploration) -> list[Declared]:
    """Answers that no call ever gave."""
    given = {(e.source, e.trigger, id(e.declared)) for e in exploration.taken}
    return [
        declared
        for declared, answer in answers(exploration.chart).items()
        if (declared.source, declared.trigger, id(answer)) not in given
    ]
