"""The declared reactions and the states of a chart that an exploration has not reached."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from callchart.engine.chart.chart import Chart
from callchart.engine.chart.state import Reaction, To, named
from callchart.engine.exploration.explorer import Exploration


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared reaction. `place` is its index among the reactions of `source` to `trigger`."""

    source: str
    trigger: str
    place: int

    def described(self, chart: Chart) -> str:
        """Return the reaction as a text: source, trigger, guard and target."""
        reaction = declared_reactions(chart)[self]
        when = f" [{named(reaction.when)}]" if reaction.when else ""
        what = f" -> {reaction.target}" if isinstance(reaction, To) else f" {_kind(reaction)}"
        return f"{self.source}, {self.trigger}{when}{what}"


def _kind(reaction: Reaction) -> str:
    return type(reaction).__name__.lower()


def declared_reactions(chart: Chart) -> dict[Declared, Reaction]:
    """Return all reactions of a chart, in the order of declaration."""
    found: dict[Declared, Reaction] = {}
    for declaration in chart.declarations():
        source, trigger = declaration.source, declaration.trigger
        place = sum(d.source == source and d.trigger == trigger for d in found)
        found[Declared(source, trigger, place)] = declaration.reaction
    return found


def unexplored(exploration: Exploration) -> list[Declared]:
    """Return the reactions that no explored call took."""
    taken = {(e.source, e.trigger, id(e.declared)) for e in exploration.taken}
    return [
        declared
        for declared, reaction in declared_reactions(exploration.chart).items()
        if (declared.source, declared.trigger, id(reaction)) not in taken
    ]


def never_entered(exploration: Exploration) -> list[str]:
    """Return the leaves that no explored call entered."""
    entered = {record.leaf for record in exploration.states}
    return [leaf for leaf in exploration.chart.leaves if leaf not in entered]


def outermost(chart: Chart, leaves: Collection[str]) -> list[str]:
    """Return the outermost states that have all their leaves among `leaves`."""
    inside = {
        path: [leaf for leaf in chart.leaves if path in chart.nodes[leaf].lineage]
        for path in chart.nodes
    }
    whole = {path for path, own in inside.items() if all(leaf in leaves for leaf in own)}
    return [p for p, node in chart.nodes.items() if p in whole and whole.isdisjoint(node.ancestors)]


def guards_into(chart: Chart, state: str, leaves: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield trigger and guard of each reaction that enters a state from one of these leaves."""
    for leaf in chart.leaves:
        if leaf not in leaves:
            continue
        for trigger, reactions in chart.table[leaf].items():
            for reaction in reactions:
                if state in reaction.entries and reaction.declared.when is not None:
                    yield trigger, named(reaction.declared.when)
