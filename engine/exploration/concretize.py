"""A path of an exploration as a real call: with real moments and numbers, decided by `decide`.

Theory of operation. The moments of the steps obey bounds on their differences: a timer fires its
delay after it began, nothing happens after the deadline of a running timer, and an urgent step
happens at the moment of the step before it. All bounds together give the tightest bound of each
difference (all shortest paths), and then the moments are chosen one after the other. Some delays
depend on moments: they are taken from the resulting call, and the moments are chosen again until
they no longer change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from callchart.engine.chart.chart import Chart, timer_trigger
from callchart.engine.chart.decide import Occurrence, Step, begin, decide
from callchart.engine.events import TimerFired
from callchart.engine.exploration.explorer import Exploration
from callchart.engine.exploration.model import Model, SearchState
from callchart.engine.exploration.successors import occurrence_of
from callchart.engine.exploration.trace import trace_of
from callchart.engine.settings import SettingRef

#: The time between a step and the next one that may happen at any moment. All are tried, in this
#: order, because the heard words of a reply depend on it.
PACES_US = (300_000, 0, 1_500_000, 50_000, 5_000_000)
#: The least delay that is set for a timer that may fire at any moment.
LEAST_DELAY_US = 1_000_000
SECOND_US = 1_000_000


class Infeasible(Exception):
    """A path that no real call takes. The message says why."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """The bound of a difference: step `one` comes at most `limit_us` after step `other`.

    With a negative limit, step `one` comes at least so long before step `other`."""

    one: int
    other: int
    limit_us: int


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt: its steps, and the bounds of their moments.

    `count` is the number of steps, including one that cannot be decided. `untimed` has the numbers
    of the steps in which each timer of the whole call began and fired, by its setting."""

    count: int
    steps: list[Step]
    bounds: list[_Bound]
    untimed: dict[str, tuple[int, int]]


def concretize(exploration: Exploration, path: Sequence[str]) -> list[Step]:
    """Return the steps of a real call that takes this path, from its first step on.

    The steps end before one that cannot be decided. Raises `Infeasible`."""
    leaves = [leaf for _, leaf in trace_of(exploration, path)]
    fault = "no moments fit"
    for pace_us in PACES_US:
        try:
            steps = _timed(exploration, path, pace_us)
        except Infeasible as error:
            fault = str(error)
            continue
        if [step.after.leaf for step in steps] == leaves[: len(steps)]:
            return steps
        fault = "it leads to other states at each of the moments that were tried"
    raise Infeasible(fault)


def _timed(exploration: Exploration, path: Sequence[str], pace_us: int) -> list[Step]:
    chart, model = exploration.chart, exploration.model.of_one_call()
    data = model.initial_data()[0]
    moments_us = list(range(len(path) + 1))
    for _ in range(8):
        tried = _attempt(chart, model, data, path, moments_us, exploration.untimed)
        solved_us = _solved(tried.bounds, tried.count, pace_us)
        settings = {
            name: max(solved_us[fired] - solved_us[began], LEAST_DELAY_US) / SECOND_US
            for name, (began, fired) in tried.untimed.items()
        }
        new_data = replace(data, settings=replace(data.settings, **settings))
        decided_us = solved_us[: len(tried.steps)]
        if [step.at_us for step in tried.steps] == decided_us and new_data == data:
            return tried.steps
        moments_us, data = solved_us, new_data
    raise Infeasible("its delays and its moments depend on each other in a circle")


def _attempt(
    chart: Chart,
    model: Model,
    data: Any,
    path: Sequence[str],
    moments_us: Sequence[int],
    untimed: frozenset[int],
) -> _Attempt:
    step = begin(chart, data)
    environment = model.after(model.initial_environment(), step)
    steps, bounds, of_whole_call = [step], [], {}
    began = {(state, name): (0, delay_us) for state, name, delay_us in step.started}
    for k, key in enumerate(path, 1):
        before = SearchState(step.after, step.data, environment)
        at_us = moments_us[k] if k < len(moments_us) else moments_us[-1]
        occurrence, environment, urgent = _occurrence_of_key(model, before, key, at_us)
        bounds.append(_Bound(k - 1, k, 0))
        if urgent:
            bounds.append(_Bound(k, k - 1, 0))
        fires = next(
            (t for t in before.configuration.timers if _is_of(occurrence, t.state, t.name)), None
        )
        for timer in before.configuration.timers:
            since, delay_us = began[timer.state, timer.name]
            setting = chart.timers[timer.order].delay
            if timer.order in untimed and isinstance(setting, SettingRef):
                if timer is fires:
                    of_whole_call[setting.name] = since, k
                    bounds.append(_Bound(since, k, -LEAST_DELAY_US))
            elif timer is fires:
                bounds += [_Bound(k, since, delay_us), _Bound(since, k, -delay_us)]
            else:
                # Of two timers with one deadline, the one declared first fires first.
                goes_first = fires is not None and timer.order < fires.order
                bounds.append(_Bound(k, since, delay_us - goes_first))
        try:
            step = decide(chart, before.configuration, before.data, occurrence)
        except Exception:  # noqa: BLE001 (the path ends with a step that fails)
            return _Attempt(len(steps) + 1, steps, bounds, of_whole_call)
        environment = model.after(environment, step)
        steps.append(step)
        for state, name, delay_us in step.started:
            began[state, name] = (k, delay_us)
    return _Attempt(len(steps), steps, bounds, of_whole_call)


def _is_of(occurrence: Occurrence, state: str, name: str) -> bool:
    return occurrence.event == TimerFired(state, name)


def _occurrence_of_key(
    model: Model, state: SearchState, key: str, at_us: int
) -> tuple[Occurrence, Any, bool]:
    """Return (occurrence of that key, environment after it, True if no time passes before it)."""
    configuration, environment = state.configuration, state.environment
    urgent = model.is_urgent(environment)
    if configuration.recalled and not urgent:
        return configuration.recalled[0], environment, True
    for timer in configuration.timers:
        event = TimerFired(timer.state, timer.name)
        if _is_named(key, timer_trigger(timer.state, timer.name)):
            return Occurrence(at_us, event, timer.activation), environment, False
    moves = model.moves(state)
    if not urgent:
        moves = (*moves, *model.late_moves(state))
    for move in moves:
        if _is_named(key, move.key):
            occurrence = replace(occurrence_of(configuration, move), at_us=at_us)
            return occurrence, move.environment, urgent
    raise Infeasible(f"{key!r} cannot happen in {configuration.leaf}")


def _is_named(key: str, name: str) -> bool:
    """Return True if `key` is `name`, perhaps with a note about the data (`Model.variants`)."""
    return key == name or key.startswith(f"{name} (")


def _solved(bounds: Sequence[_Bound], size: int, pace_us: int) -> list[int]:
    """Return a moment (us) for each of `size` steps.

    Each comes `pace_us` after the step before it, as far as the bounds allow that."""
    far_us = 10**15
    limits_us = [[0 if i == j else far_us for j in range(size)] for i in range(size)]
    for bound in bounds:
        row = limits_us[bound.one]
        row[bound.other] = min(row[bound.other], bound.limit_us)
    for via in range(size):
        for row in limits_us:
            first = row[via]
            if first < far_us:
                for j, rest in enumerate(limits_us[via]):
                    if first + rest < row[j]:
                        row[j] = first + rest
    if any(limits_us[n][n] < 0 for n in range(size)):
        raise Infeasible("its timers cannot fire in this order")
    moments_us = [0]
    for k in range(1, size):
        earliest_us = max(at_us - limits_us[j][k] for j, at_us in enumerate(moments_us))
        latest_us = min(at_us + limits_us[k][j] for j, at_us in enumerate(moments_us))
        moments_us.append(earliest_us + min(pace_us, (latest_us - earliest_us) // 2))
    return moments_us
