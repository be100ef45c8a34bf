"""A path of an exploration, made a real call: with real moments and numbers, decided by
`decide`.

Theory of operation. The moments of the steps obey a system of differences: a timer fires its
delay after it began, nothing happens after the deadline of a running timer, and an urgent step
happens at the moment of the step before it. The system is closed (all shortest paths), and the
moments are chosen one after the other. Some delays depend on moments: they are taken from the
resulting call, and the system is solved again until they no longer change.
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

#: The time (us) between a step and the next one that may happen at any moment. All are tried, in
#: this order, because the words heard of a reply depend on it.
PACES = (300_000, 0, 1_500_000, 50_000, 5_000_000)
#: The least delay (us) that is set for a timer that may fire at any moment.
LEAST = 1_000_000
SECOND = 1_000_000


class Infeasible(Exception):
    """No real call takes this path. The message says where a call would leave it."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """Step `later` is at most `most` us after step `earlier`. A negative `most` is a least
    distance in the other direction."""

    later: int
    earlier: int
    most: int


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt: its steps, the bounds of their moments, and when each timer of the whole call
    fired.

    `count` is the number of steps, including one that cannot be decided."""

    count: int
    steps: list[Step]
    bounds: list[_Bound]
    whole: dict[str, tuple[int, int]]


def concretize(exploration: Exploration, path: Sequence[str]) -> list[Step]:
    """Return the steps of a real call that takes this path, beginning with the call's first
    step.

    The steps end before one that cannot be decided. Raises `Infeasible`."""
    leaves = [leaf for _, leaf in trace_of(exploration, path)]
    fault = "no moments fit"
    for pace in PACES:
        try:
            steps = _timed(exploration, path, pace)
        except Infeasible as unreal:
            fault = str(unreal)
            continue
        if [step.after.leaf for step in steps] == leaves[: len(steps)]:
            return steps
        fault = "it leads to other states at each of the moments that were tried"
    raise Infeasible(fault)


def _timed(exploration: Exploration, path: Sequence[str], pace: int) -> list[Step]:
    chart, model = exploration.chart, exploration.model.of_one_call()
    data = model.initial_data()[0]
    times = list(range(len(path) + 1))
    for _ in range(8):
        tried = _attempt(chart, model, data, path, times, exploration.untimed)
        solved = _solved(tried.bounds, tried.count, pace)
        settings = {
            name: max(solved[k] - solved[since], LEAST) / SECOND
            for name, (since, k) in tried.whole.items()
        }
        again = replace(data, settings=replace(data.settings, **settings))
        decided = solved[: len(tried.steps)]
        if [step.at_us for step in tried.steps] == decided and again == data:
            return tried.steps
        times, data = solved, again
    raise Infeasible("its delays and its moments depend on each other in a circle")


def _attempt(
    chart: Chart,
    model: Model,
    data: Any,
    path: Sequence[str],
    times: Sequence[int],
    untimed: frozenset[int],
) -> _Attempt:
    step = begin(chart, data)
    environment = model.after(model.initial_environment(), step)
    steps, bounds, whole = [step], [], {}
    began = {(state, name): (0, delay) for state, name, delay in step.started}
    for k, key in enumerate(path, 1):
        before = SearchState(step.after, step.data, environment)
        at = times[k] if k < len(times) else times[-1]
        occurrence, environment, urgent = _occurrence_of_key(model, before, key, at)
        bounds.append(_Bound(k - 1, k, 0))
        if urgent:
            bounds.append(_Bound(k, k - 1, 0))
        fires = next(
            (t for t in before.configuration.timers if _is_of(occurrence, t.state, t.name)), None
        )
        for timer in before.configuration.timers:
            since, delay = began[timer.state, timer.name]
            setting = chart.timers[timer.order].delay
            if timer.order in untimed and isinstance(setting, SettingRef):
                if timer is fires:
                    whole[setting.name] = since, k
                    bounds.append(_Bound(since, k, -LEAST))
            elif timer is fires:
                bounds += [_Bound(k, since, delay), _Bound(since, k, -delay)]
            else:
                earlier = fires is not None and timer.order < fires.order
                bounds.append(_Bound(k, since, delay - earlier))
        try:
            step = decide(chart, before.configuration, before.data, occurrence)
        except Exception:  # noqa: BLE001 (the path ends with a step that fails)
            return _Attempt(len(steps) + 1, steps, bounds, whole)
        environment = model.after(environment, step)
        steps.append(step)
        for state, name, delay in step.started:
            began[state, name] = (k, delay)
    return _Attempt(len(steps), steps, bounds, whole)


def _is_of(occurrence: Occurrence, state: str, name: str) -> bool:
    return occurrence.event == TimerFired(state, name)


def _occurrence_of_key(
    model: Model, state: SearchState, key: str, at: int
) -> tuple[Occurrence, Any, bool]:
    """Return (occurrence, environment after it, whether it happens without a delay) of that key."""
    configuration, environment = state.configuration, state.environment
    urgent = model.is_urgent(environment)
    if configuration.recalled and not urgent:
        return configuration.recalled[0], environment, True
    for timer in configuration.timers:
        event = TimerFired(timer.state, timer.name)
        if _is_named(key, timer_trigger(timer.state, timer.name)):
            return Occurrence(at, event, timer.activation), environment, False
    moves = model.moves(state)
    if not urgent:
        moves = (*moves, *model.late_moves(state))
    for move in moves:
        if _is_named(key, move.key):
            return replace(occurrence_of(configuration, move), at_us=at), move.environment, urgent
    raise Infeasible(f"{key!r} cannot happen in {configuration.leaf}")


def _is_named(key: str, name: str) -> bool:
    """Compare a key with a name; a key may add a note about the data (`Model.variants`)."""
    return key == name or key.startswith(f"{name} (")


def _solved(bounds: Sequence[_Bound], steps: int, pace: int) -> list[int]:
    """Return a moment for each step, `pace` after the step before it where the bounds allow
    that."""
    size, far = steps, 10**15
    most = [[0 if i == j else far for j in range(size)] for i in range(size)]
    for bound in bounds:
        row = most[bound.later]
        row[bound.earlier] = min(row[bound.earlier], bound.most)
    for via in range(size):
        for row in most:
            first = row[via]
            if first < far:
                for j, rest in enumerate(most[via]):
                    if first + rest < row[j]:
                        row[j] = first + rest
    if any(most[n][n] < 0 for n in range(size)):
        raise Infeasible("its timers cannot fire in this order")
    times = [0]
    for k in range(1, size):
        least = max(at - most[j][k] for j, at in enumerate(times))
        latest = min(at + most[k][j] for j, at in enumerate(times))
        times.append(least + min(pace, (latest - least) // 2))
    return times
