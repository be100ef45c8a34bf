"""The properties of every step of every chart: a sentence and a function each."""

from __future__ import annotations

from callchart.engine.chart.chart import Chart
from callchart.engine.chart.decide import Outcome, Step
from callchart.engine.exploration.model import Property

#: The activation of a stay that has ended.
OVER = 0

FUNCTIONS_WORK = "the chart's functions never fail"
ANSWERED = "every event has a reaction"
ENDS_ALONE = "a call ends if only its timers fire"
NO_CIRCLE = "no call repeats a state without end at one instant"
NO_RIVALS = "two timers that always fire at one instant lead to one state"


def invariants(chart: Chart) -> tuple[Property, ...]:
    """Return the properties of the steps of this chart."""

    def stale(before: object, step: Step, after: object) -> str | None:
        if step.occurrence.activation != OVER or step.outcome is Outcome.STALE:
            return None
        return f"{type(step.event).__name__} of a state that was left was {step.outcome.value}"

    def end(before: object, step: Step, after: object) -> str | None:
        if step.before.leaf not in finals or step.outcome is Outcome.STALE:
            return None
        return f"{type(step.event).__name__} was {step.outcome.value} in {step.before.leaf}"

    finals = {leaf for leaf in chart.leaves if chart.is_final(leaf)}
    return (
        Property("no event of a state that was left is acted on", stale),
        Property("nothing happens after the end", end),
    )
