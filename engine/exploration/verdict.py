"""The verdict on a mutant: does an exploration find its mistake, how, and in which call?"""

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

#: A chart with so many more nodes than the baseline counts as different.
MORE = 5_000

#: Makes the model of a chart.
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
    """The way in which a mistake was found, the evidence, and the keys of the shortest call that
    shows it."""

    caught: Caught
    how: str = ""
    path: tuple[str, ...] = ()


def baseline(chart: Chart, environment: MakeModel) -> Exploration:
    """Return the complete exploration of a chart without a mistake."""
    return _explored(chart, environment, decide, 1_000_000)


def verdict(
    mutant: Mutant, environments: Sequence[MakeModel], baseline: Sequence[Exploration]
) -> Verdict:
    """Return how the mistake is found in these environments; `baseline` are the explorations
    without it.

    A property that is broken in one of them is stronger evidence than a call that differs."""
    try:
        chart = mutant.build()
    except ChartError as hole:
        return Verdict(Caught.REFUSED, str(hole))
    found = Verdict(Caught.SURVIVED)
    for environment, before in zip(environments, baseline, strict=True):
        most = len(before.nodes) + MORE
        exploration = _explored(chart, environment, mutant.deciding, most)
        if exploration.violations:
            violation = exploration.violations[0]
            return Verdict(Caught.BROKEN, f"{violation.name}: {violation.how}", violation.path)
        if found.caught is Caught.SURVIVED:
            found = _compared(before, exploration)
    return found


def _explored(chart: Chart, environment: MakeModel, deciding: Deciding, most: int) -> Exploration:
    """Explore to the end, to the first violation, or to so many nodes."""
    exploration = Exploration(
        chart, environment(chart), most=most, stop_at_first=True, deciding=deciding
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
