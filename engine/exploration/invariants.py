"""What holds of every chart's steps, whatever its world: each a sentence and a function."""

from __future__ import annotations

from callchart.engine.chart.chart import Chart
from callchart.engine.chart.decide import Outcome, Step
from callchart.engine.exploration.model import Property

#: The activation of a stay that is over.
OVER = 0

FUNCTIONS_WORK = "the chart's functions never fail"
ANSWERED = "every event is answered"
ENDS_ALONE = "a call that is left alone ends"
NO_CIRCLE = "no call turns in a circle at one instant"
NO_RIVALS = "two timers that are always due at one instant lead to one state"


def invariants(chart: Chart) -> tuple[Property, ...]:
    """The properties of steps of this chart."""

    def stale(before: object, step: Step, after: object) -> str | None:
        if step.occurrence.activation != OVER or step.outcome is Outcome.STALE:
            return None
        return f"{type(step.event).__name__} of a stay that is over was {step.outcome.value}"

    def end(before: object, step: Step, after: object) -> str | None:
        if step.before.leaf not in finals or step.outcome is Outcome.STALE:
            return None
        return f"{type(step.event).__name__} was {step.outcome.value} in {step.before.leaf}"

    finals = {leaf for leaf in chart.leaves if chart.is_final(leaf)}
    return (
        Property("nothing of a stay that is over is acted on", stale),
        Property("nothing happens after the end", end),
    )
