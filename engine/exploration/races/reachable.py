"""Reachable states of a call: enough of them that the guards of each leaf give all their answers.

The search goes breadth first from the beginning of a call, by sample events and by timers that are
due: so a real call can reach each state. A state is new if, for two occurrences in it, the guards
give a combination of answers that they did not give before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

from callchart.engine.chart.binding import bound
from callchart.engine.chart.chart import Chart, timer_trigger
from callchart.engine.chart.decide import Occurrence, Step, begin, decide, next_occurrence
from callchart.engine.events import OUTSIDE, TimerFired
from callchart.engine.exploration.races.sample_events import FACTS, samples


@dataclass(frozen=True, slots=True)
class PossibleOccurrence:
    """An occurrence that may happen in a state.

    `trigger` is its name in the chart's table, `variant` the index of the sample event, and
    `answer` the index of the reaction that applies, or -1 for a late event."""

    occurrence: Occurrence
    trigger: str
    variant: int
    answer: int

    @property
    def kind(self) -> tuple[str, int, int]:
        """The trigger, the sample and the reaction, by their names and indices."""
        return self.trigger, self.variant, self.answer

    @property
    def is_event(self) -> bool:
        return not isinstance(self.occurrence.event, TimerFired)


@dataclass(frozen=True, eq=False)
class ReachableState:
    """The state of a call of `chart` after `step`, and the state before it."""

    chart: Chart
    step: Step
    before: ReachableState | None = None

    @property
    def leaf(self) -> str:
        return self.step.after.leaf

    @cached_property
    def possible(self) -> tuple[PossibleOccurrence, ...]:
        """The occurrences that may happen now: events, and each running timer."""
        at, here, nodes = self.step.at_us, self.step.after, self.chart.nodes
        stays = {nodes[a.state].state.activity: a.activation for a in here.active}
        found = []
        for kind in self.chart.arriving(self.leaf):
            stay = None if kind.origin == OUTSIDE else stays[kind.origin]
            for n, event in enumerate(samples(kind, self.step.data)):
                found.append(self._possible(Occurrence(at, event, stay), kind.__name__, n))
        for timer in sorted(here.timers, key=lambda t: t.order):
            due_now = Occurrence(at, TimerFired(timer.state, timer.name), timer.activation)
            found.append(self._possible(due_now, timer_trigger(timer.state, timer.name), 0))
        return tuple(found)

    def _possible(self, occurrence: Occurrence, trigger: str, variant: int) -> PossibleOccurrence:
        data, at, event = self.step.data, self.step.at_us, occurrence.event
        if self.chart.late is not None and self.chart.late(data, event):
            return PossibleOccurrence(occurrence, trigger, variant, -1)
        # The chart has checked that one of the reactions applies.
        answer = next(
            n
            for n, edge in enumerate(self.chart.reactions(self.leaf, trigger))
            if edge.declared.when is None or bound(edge.declared.when)(data, event, at)
        )
        return PossibleOccurrence(occurrence, trigger, variant, answer)


def reachable_states(chart: Chart) -> Iterator[ReachableState]:
    """Yield the states in which a call waits for an event or a timer."""
    known: set[object] = set()
    settings = type(chart.data().settings).examples()
    waiting = deque([ReachableState(chart, begin(chart, chart.data.begin(settings, 0, FACTS)))])
    while waiting:
        state = waiting.popleft()
        here = state.step.after
        due = next_occurrence(here)
        occurrences = [] if due is None else [due]
        if not here.recalled:
            yield state
            occurrences += [h.occurrence for h in state.possible if h.is_event]
        for occurrence in occurrences:
            step = decide(chart, here, state.step.data, occurrence)
            if step.after != here or step.data != state.step.data:
                after = ReachableState(chart, step, state)
                if not chart.is_final(after.leaf) and _is_new(after, known):
                    waiting.append(after)


def _is_new(state: ReachableState, known: set[object]) -> bool:
    here = state.step.after
    deferred = frozenset(type(o.event) for o in here.deferred)
    recalled = tuple(type(o.event) for o in here.recalled)
    place = state.leaf, deferred, recalled
    answers = sorted({(h.trigger, h.answer) for h in state.possible})
    pairs = {(*place, *pair) for pair in combinations_with_replacement(answers, 2)}
    new = not pairs <= known
    known |= pairs
    return new
