"""The verdict on a mutant: whether an exploration finds its mistake, and in which way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from callchart.engine.chart.chart import Chart
from callchart.engine.chart.checks import ChartError
from callchart.engine.chart.decide import decide
from callchart.engine.exploration.explorer import Exploration
from callchart.engine.exploration.liveness import check_liveness
from callchart.engine.exploration.lockstep import divergence
from callchart.engine.exploration.model import Model
from callchart.engine.exploration.moments import Deciding
from callchart.engine.exploration.mutation import Mutant

#: A mutant with so many more nodes than the baseline counts as different.
MORE_NODES = 5_000

#: A function that makes the model of a chart.
MakeModel = Callable[[Chart], Model]


class Caught(StrEnum):
    """The way in which a mistake was found; the strongest evidence comes first."""

    REFUSED = "refused when the chart is built"
    BROKEN = "a property is broken"
    DIFFERENT = "a call differs from the baseline"
    UNEXPLORED = "a declared reaction is never taken any more"
    SURVIVED = "not at all"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The way in which a mistake was found, the evidence, and the keys of a shortest call to it."""

    caught: Caught
    how: str = ""
    path: tuple[str, ...] = ()


def baseline(chart: Chart, environment: MakeModel) -> Exploration:
    """Return the complete exploration of a chart without a mistake."""
    return _explored(chart, environment, decide, 1_000_000)


def verdict(
    mutant: Mutant, environments: Sequence[MakeModel], baseline: Sequence[Exploration]
) -> Verdict:
    """Return the verdict in these environments; `baseline` are the explorations without a mistake.

    A property that is broken in any of them is stronger evidence than a call that differs."""
    try:
        chart = mutant.build()
    except ChartError as error:
        return Verdict(Caught.REFUSED, str(error))
    found = Verdict(Caught.SURVIVED)
    for environment, before in zip(environments, baseline, strict=True):
        node_limit = len(before.nodes) + MORE_NODES
        exploration = _explored(chart, environment, mutant.deciding, node_limit)
        if exploration.violations:
            violation = exploration.violations[0]
            return Verdict(Caught.BROKEN, f"{violation.name}: {violation.how}", violation.path)
        if found.caught is Caught.SURVIVED:
            found = _compared(before, exploration)
    return found


def _explored(
    chart: Chart, environment: MakeModel, deciding: Deciding, node_limit: int
) -> Exploration:
    """Explore until the end, the first violation, or more than `node_limit` nodes."""
    exploration = Exploration(
        chart, environment(chart), node_limit=node_limit, stop_at_first=True, deciding=deciding
    )
    deque(exploration.run(), maxlen=0)
    if exploration.complete and not exploration.violations:
        check_liveness(exploration)
    return exploration


def _compared(before: Exploration, mistaken: Exploration) -> Verdict:
    if not mistaken.complete:
        return Verdict(Caught.DIFFERENT, f"calls reach more than {len(mistaken.nodes)} nodes")
    found_at = divergence(mistaken, before)
    if found_at is not None:
        return Verdict(Caught.DIFFERENT, found_at.how, found_at.path)
    given = {(edge.source, edge.trigger) for edge in mistaken.taken}
    for edge in before.taken:
        if (edge.source, edge.trigger) not in given:
            return Verdict(Caught.UNEXPLORED, f"{edge.source}, {edge.trigger}")
    return Verdict(Caught.SURVIVED)
