"""The check that the moment at which a step is decided makes no difference.

Theory of operation. An exploration decides every step at `NOW`, late in a long call. That is
right for a function that reads `at_us` only to compute a time from now on: moments in the data are
abstracted, and delays are computed for the extremes of such data. A function that decides
differently at another moment would be explored wrongly. So each step that calls a reader of `at_us`
is decided again at the moments of `PROBES_US`, and must have the same result. In the data of a
representative each moment is 0, so a probe is also the time since that moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from callchart.engine.chart.binding import AT_US, reads
from callchart.engine.chart.chart import Chart, LeafReaction, TimerSpec
from callchart.engine.chart.decide import Configuration, Occurrence, Step, decide, microseconds
from callchart.engine.chart.state import Effect, Stay, To, named
from callchart.engine.exploration.model import Model, SearchState

#: The type of `decide`.
Deciding = Callable[[Chart, Configuration, Any, Occurrence], Step]

#: The other moments at which steps are decided (us since the call began).
PROBES_US = (1, 1_000_000, 10_000_000, 100_000_000)

#: The greatest number of states in which one reaction of one leaf is checked: to check it in every
#: state makes an exploration a third slower.
MAX_CHECKS = 200

CURE = (
    "an exploration decides each step late in a long call, and cannot tell moments apart; "
    "use a timer (after) instead"
)


class MomentDependence(Exception):
    """A function of the chart depends on the moment. The message names it and its place."""


class MomentCheck:
    """Decides steps again at other moments, for the functions of one chart that read `at_us`."""

    def __init__(self, chart: Chart, model: Model, deciding: Deciding = decide) -> None:
        self._chart, self._model, self._decide = chart, model, deciding
        self._readers: dict[tuple[str, str], bool] = {}
        self._checked: Counter[tuple[str, str, int]] = Counter()

    def check_step(self, step: Step, trigger: str, before: SearchState, after: SearchState) -> None:
        """Raise `MomentDependence` if the step has another result at another moment.

        `before.environment` is the environment after the occurrence, before the step's effects."""
        leaf = before.configuration.leaf
        known = (leaf, trigger)
        if known not in self._readers:
            reactions = self._chart.reactions(leaf, trigger)
            self._readers[known] = any(_reads_moment(self._functions(each)) for each in reactions)
        reaction = (*known, id(step.reaction))
        if not self._readers[known] or self._checked[reaction] == MAX_CHECKS:
            return
        self._checked[reaction] += 1
        key = self._model.key(after)
        for probe_us in PROBES_US:
            configuration, occurrence = _at(before.configuration, step.occurrence, probe_us)
            other = self._decide(self._chart, configuration, before.data, occurrence)
            if other.guards != step.guards:
                self._refuse_guard(step, other, trigger)
            if _effect_names(other) != _effect_names(step):
                self._refuse(step, trigger, "effect", "it returns another effect at another moment")
            environment = self._model.after(before.environment, other)
            then = SearchState(other.after, other.data, environment)
            if self._model.key(then) != key:
                names = self._fields_that_differ(after, then)
                self._refuse(
                    step, trigger, "update", f"{names or 'the data'} would keep the moment"
                )

    def check_delay(self, timer: TimerSpec, data: Any, bounds: tuple[int, int]) -> None:
        """Raise `MomentDependence` if the bounds of a delay (us) differ at another moment."""
        if not (callable(timer.delay) and AT_US in reads(timer.delay)):
            return
        for probe_us in PROBES_US:
            every = self._model.extremes(data, probe_us)
            delays = [microseconds(timer.delay, one, probe_us) for one in every]
            if (min(delays), max(delays)) != bounds:
                raise MomentDependence(
                    f"delay {named(timer.delay)} of state {timer.state}, after {timer.name}, "
                    f"must not depend on at_us, except for the time since a moment in the data: "
                    f"{CURE}"
                )

    def _functions(self, reaction: LeafReaction) -> Iterator[Callable[..., Any]]:
        declared = reaction.declared
        if declared.when is not None:
            yield declared.when
        if isinstance(declared, To | Stay):
            yield from declared.updates
        yield from self._effect_functions(reaction)

    def _effect_functions(self, reaction: LeafReaction) -> Iterator[Callable[..., Any]]:
        declared, nodes = reaction.declared, self._chart.nodes
        sources = [
            *(declared.effects if isinstance(declared, To | Stay) else ()),
            *(effect for path in reaction.exits for effect in nodes[path].state.exit_effects),
            *(effect for path in reaction.entries for effect in nodes[path].state.entry_effects),
        ]
        yield from (source for source in sources if not isinstance(source, Effect))

    def _refuse_guard(self, step: Step, other: Step, trigger: str) -> None:
        pairs = zip(step.guards, other.guards, strict=False)
        name = next(ours[0] for ours, theirs in pairs if ours != theirs)
        leaf = step.before.leaf
        source = next(
            each.source
            for each in self._chart.reactions(leaf, trigger)
            if each.declared.when is not None and named(each.declared.when) == name
        )
        raise MomentDependence(
            f"guard {name} of state {source}, on {trigger}, must not depend on at_us: {CURE}"
        )

    def _refuse(self, step: Step, trigger: str, kind: str, how: str) -> None:
        assert step.reaction is not None
        declared = step.reaction.declared
        if kind == "update" and isinstance(declared, To | Stay):
            functions = list(declared.updates)
        else:
            functions = list(self._effect_functions(step.reaction))
        names = ", ".join(named(each) for each in functions if AT_US in reads(each))
        raise MomentDependence(
            f"{kind} {names} of state {step.reaction.source}, on {trigger}, must not depend on "
            f"at_us ({how}): {CURE}"
        )

    def _fields_that_differ(self, one: SearchState, two: SearchState) -> str:
        data, other = (self._model.representative(each).data for each in (one, two))
        names = [f.name for f in fields(data)]
        return ", ".join(n for n in names if getattr(data, n) != getattr(other, n))


def _reads_moment(functions: Iterator[Callable[..., Any]]) -> bool:
    return any(AT_US in reads(function) for function in functions)


def _at(
    configuration: Configuration, occurrence: Occurrence, at_us: int
) -> tuple[Configuration, Occurrence]:
    moved = replace(occurrence, at_us=at_us)
    recalled = configuration.recalled
    if recalled and recalled[0] == occurrence:
        configuration = replace(configuration, recalled=(moved, *recalled[1:]))
    return configuration, moved


def _effect_names(step: Step) -> list[str]:
    return [effect.name for effect in (*step.exit_effects, *step.effects, *step.entry_effects)]
