"""Properties of every step and of every run, over random charts and random events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st
from transitions.extensions.nesting import HierarchicalMachine, NestedState

from callchart.engine.chart import Chart, Occurrence, Outcome, State, Step, begin, decide
from callchart.engine.chart.binding import bound
from callchart.engine.chart.chart import timer_trigger
from callchart.engine.chart.decide import Configuration, next_occurrence
from callchart.engine.chart.state import Guard, Reaction, To, after_of, named, reactions_of
from callchart.engine.data import Facts
from callchart.engine.events import Event, TimerFired
from callchart.engine.journal import head, line, replay
from callchart.engine.settings import Settings
from tests.engine.chart.random_charts import ANSWERED, OUTSIDE, WORKED, Bits, charts, seeds

# --- a random run --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Post:
    """An event of kind `kind`, `later` us after the last occurrence.

    An activity's event belongs to the stay that began `ago` activations ago."""

    kind: int
    later: int
    ago: int


@dataclass(frozen=True, slots=True)
class Wait:
    """The next occurrence without new events: a recalled event, or a timer."""


happenings = st.lists(
    st.builds(Post, st.integers(0, 4), st.sampled_from([0, 0, 10_000, 35_000]), st.integers(0, 3))
    | st.just(Wait()),
    min_size=12,
    max_size=30,
)


def walk(chart: Chart, data: Bits, happens: Sequence[Post | Wait]) -> Iterator[Step]:
    """Yield the steps of one run. Without a `Stop`, none of these charts ends."""
    step = begin(chart, data)
    yield step
    for n, happening in enumerate(happens):
        step = decide(chart, step.after, step.data, occurrence(step, n, happening))
        yield step


def occurrence(last: Step, n: int, happening: Post | Wait) -> Occurrence:
    if isinstance(happening, Wait):
        next_due = next_occurrence(last.after)
        assert next_due is not None, "every state of these charts has a timer"
        return Occurrence(max(last.at_us, next_due.at_us), next_due.event, next_due.activation)
    event = ANSWERED[happening.kind]
    from_outside = event in OUTSIDE or event.origin not in WORKED
    activation = None if from_outside else max(1, last.after.activations - happening.ago)
    return Occurrence(last.at_us + happening.later, event(n), activation)


def first_data(seed: int) -> Bits:
    return Bits.begin(Settings(), seed, Facts())


# --- every step ----------------------------------------------------------------------------------


@given(charts(), seeds, happenings)
def test_every_step_keeps_the_rules_of_structure_and_time(
    chart: Chart, seed: int, happens: list[Post | Wait]
) -> None:
    for step in walk(chart, first_data(seed), happens):
        before, after = step.before, step.after
        states = [active.state for active in after.active]
        assert chart.nodes[after.leaf].lineage == tuple(states), "a path from a top state"
        assert not chart.nodes[after.leaf].state.children, "down to a leaf"

        kept = len(before.active) - len(step.exits)
        assert step.exits == before.active[kept:][::-1], "innermost first"
        assert step.entries == after.active[kept:], "outermost first"
        assert before.active[:kept] == after.active[:kept]
        news = [active.activation for active in step.entries]
        assert news == list(range(before.activations + 1, after.activations + 1))

        stays = {(active.state, active.activation) for active in after.active}
        assert {(timer.state, timer.activation) for timer in after.timers} <= stays
        order = [(timer.deadline_us, timer.order) for timer in after.timers]
        assert order == sorted(order)
        assert len({timer.order for timer in after.timers}) == len(order)


@given(charts(), seeds, happenings)
def test_only_a_transition_changes_the_state_and_a_stale_or_ignored_event_changes_nothing(
    chart: Chart, seed: int, happens: list[Post | Wait]
) -> None:
    last = begin(chart, first_data(seed))
    for step in walk(chart, first_data(seed), happens):
        moved = bool(step.exits or step.entries)
        assert moved == (step.outcome is Outcome.TAKEN)
        if step.outcome in (Outcome.STALE, Outcome.IGNORED):
            assert step.data == last.data
            made = (*step.exit_effects, *step.effects, *step.entry_effects, *step.started)
            assert made == ()
            assert without_the_occurrence(step) == step.after
        stay = step.occurrence.activation
        is_over = stay not in [None, *(active.activation for active in step.before.active)]
        assert (step.outcome is Outcome.STALE) == is_over
        last = step


def without_the_occurrence(step: Step) -> Configuration:
    """Return the configuration before a step, without the timer or recalled event that it took."""
    before, event = step.before, step.event
    recalled = before.recalled
    if recalled and recalled[0] == step.occurrence:
        recalled = recalled[1:]
    fired = isinstance(event, TimerFired) and (event.state, event.timer, step.occurrence.activation)
    timers = tuple(t for t in before.timers if (t.state, t.name, t.activation) != fired)
    return Configuration(before.active, timers, before.deferred, recalled, before.activations)


@given(charts(), seeds, happenings)
def test_deferred_events_come_again_in_the_order_of_their_arrival(
    chart: Chart, seed: int, happens: list[Post | Wait]
) -> None:
    for step in walk(chart, first_data(seed), happens):
        before, after = step.before, step.after
        put_off = [kept.event for kept in before.deferred]
        waiting = [kept.event for kept in without_the_occurrence(step).recalled]
        if step.outcome is Outcome.TAKEN:
            assert [kept.event for kept in after.recalled] == put_off + waiting
            assert after.deferred == ()
        elif step.outcome is Outcome.DEFERRED:
            assert [kept.event for kept in after.deferred] == [*put_off, step.event]
            assert [kept.event for kept in after.recalled] == waiting
        else:
            assert after.deferred == before.deferred
            assert [kept.event for kept in after.recalled] == waiting


# --- every run -----------------------------------------------------------------------------------


@given(charts(), seeds, happenings)
def test_a_run_decided_twice_is_equal(chart: Chart, seed: int, happens: list[Post | Wait]) -> None:
    once = list(walk(chart, first_data(seed), happens))

    assert list(walk(chart, first_data(seed), happens)) == once
    for last, step in pairwise(once):
        assert decide(chart, step.before, last.data, step.occurrence) == step


@given(charts(), seeds, happenings, st.booleans())
def test_the_journal_of_any_run_replays(
    chart: Chart, seed: int, happens: list[Post | Wait], redacted: bool
) -> None:
    data = first_data(seed)
    steps = list(walk(chart, data, happens))
    written = [line(n, step, redacted=redacted) for n, step in enumerate(steps)]

    first, *lines = json.loads(json.dumps([head(chart, data, redacted=redacted), *written]))

    assert list(replay(chart, first, lines)) == steps


# --- an independent oracle: `transitions` itself, live, with real guards --------------------------


class _State(NestedState):
    separator = "."


@dataclass
class _Live:
    """The model of a machine that changes its state."""

    if TYPE_CHECKING:  # attributes that transitions adds
        state: ClassVar[str]

        def trigger(self, name: str) -> bool: ...

    data: Any = None
    occurrence: Occurrence | None = None
    reaction: Reaction | None = None
    asked: list[tuple[str, bool]] = field(default_factory=list)
    exited: list[str] = field(default_factory=list)
    entered: list[str] = field(default_factory=list)

    def ask(self, guard: Guard | None) -> bool:
        if guard is None:
            return True
        assert self.occurrence is not None
        said = bool(bound(guard)(self.data, self.occurrence.event, self.occurrence.at_us))
        self.asked.append((named(guard), said))
        return said

    def give(self, reaction: Reaction) -> None:
        self.reaction = reaction


def live(chart: Chart) -> tuple[_Live, HierarchicalMachine]:
    """Return a machine of the chart's declarations, and its model in the initial state."""
    model = _Live()

    def declared(state: State, parent: str) -> dict[str, Any]:
        path = f"{parent}.{state.name}" if parent else state.name
        made: dict[str, Any] = {
            "name": state.name,
            "on_enter": [partial(model.entered.append, path)],
            "on_exit": [partial(model.exited.append, path)],
        }
        if state.children:
            made["children"] = [declared(child, path) for child in state.children]
            made["initial"] = state.initial
        return made

    def edge(trigger: str, source: str, reaction: Reaction) -> dict[str, Any]:
        return {
            "trigger": trigger,
            "source": source,
            "dest": reaction.target if isinstance(reaction, To) else None,
            "conditions": [partial(model.ask, reaction.when)],
            "before": [partial(model.give, reaction)],
        }

    edges = []
    for path, node in chart.nodes.items():
        for event, reactions in node.state.on.items():
            edges += [edge(event.__name__, path, reaction) for reaction in reactions_of(reactions)]
        for timer, after in node.state.after.items():
            trigger = timer_trigger(path, timer)
            edges += [edge(trigger, path, reaction) for reaction in after_of(after)[1]]

    class Machine(HierarchicalMachine):
        state_cls = _State

    machine = Machine(
        model=model,
        states=[declared(state, "") for state in chart.states],
        transitions=edges,
        initial=chart.states[0].name,
        auto_transitions=False,
        ignore_invalid_triggers=True,
    )
    return model, machine


def trigger_of(event: Event) -> str:
    if isinstance(event, TimerFired):
        return timer_trigger(event.state, event.timer)
    return type(event).__name__


@given(charts(), seeds, happenings)
def test_decide_agrees_with_the_live_machine_of_transitions(
    chart: Chart, seed: int, happens: list[Post | Wait]
) -> None:
    model, _ = live(chart)
    first, *steps = walk(chart, first_data(seed), happens)
    assert first.after.leaf == model.state
    data = first.data

    for step in steps:
        if step.outcome is Outcome.STALE:
            continue
        model.data, model.occurrence, model.reaction = data, step.occurrence, None
        for noted in (model.asked, model.exited, model.entered):
            noted.clear()
        model.trigger(trigger_of(step.event))

        assert step.reaction is not None
        assert step.reaction.declared is model.reaction
        assert step.after.leaf == model.state
        assert list(step.guards) == model.asked
        assert [active.state for active in step.exits] == model.exited
        assert [active.state for active in step.entries] == model.entered
        data = step.data
