"""The chart as SCXML, run in lock-step with another interpreter.

python-statemachine reads the file that `callchart draw` writes, and takes the input of `decide`:
events, and timers as events. Its guards return the same results as for `decide`; a guard that
`decide` did not call fails the test. After each step both are in the same states, have left and
entered the same states in the same order, and wait for the same timers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statemachine.engines.sync import SyncEngine
from statemachine.io.scxml.processor import SCXMLProcessor

from callchart.engine.chart import (
    Chart,
    Occurrence,
    Outcome,
    State,
    Step,
    begin,
    decide,
    defer,
    ignore,
    stay,
    to,
)
from callchart.engine.chart.chart import TimerSpec
from callchart.engine.chart.decide import Evaluator
from callchart.engine.chart.state import Guard, named
from callchart.engine.data import Facts
from callchart.engine.drawing.model import diagram_of, timer_event
from callchart.engine.drawing.scxml import NAMESPACE, document
from callchart.engine.events import CallerHungUp, CallTransferred, Event, LineClosed, TimerFired
from callchart.states import CHART
from callchart.states.data import PhoneData
from callchart.states.settings import PhoneSettings
from tests.engine.chart.by_hand import LONG, OVER, Call, Hand, Knock, Notes, leaf, yes
from tests.engine.chart.random_charts import charts, seeds
from tests.engine.chart.test_decide import Post, Wait, first_data, happenings, walk

# --- the other interpreter -----------------------------------------------------------------------


class _ByHand(SyncEngine):
    """The engine of python-statemachine without a clock: its waiting events are the timers."""

    def __init__(self, sm: Any) -> None:
        super().__init__(sm)
        self.waiting: set[str] = set()

    def put(self, trigger_data: Any, internal: bool = False) -> None:
        if trigger_data.send_id:
            self.waiting.add(trigger_data.send_id)
        else:
            super().put(trigger_data, internal)

    def cancel_event(self, send_id: str) -> None:
        self.waiting.discard(send_id)


@cache
def machine(text: str) -> Any:
    """Return a machine that runs the document."""
    processor = SCXMLProcessor(trusted=True)  # the document is our own
    processor.parse_scxml("chart", text)
    (compiled,) = processor.scs.values()

    class Machine(compiled):  # type: ignore[valid-type, misc]
        catch_errors_as_events = False  # an error fails the test

        def _get_engine(self) -> _ByHand:
            return _ByHand(self)

    return Machine


@cache
def functions(text: str) -> Mapping[str, str]:
    """Yield the name of each function that the document calls, and the element that calls it."""
    calls = []
    for element in ET.fromstring(text).iter():
        if element.tag == f"{{{NAMESPACE}}}script":
            calls += [(call, "script") for call in (element.text or "").split("; ")]
        calls += [(element.get(kind, ""), kind) for kind in ("cond", "delayexpr")]
    return {call.removesuffix("()"): kind for call, kind in calls if call.endswith("()")}


class Interpreter:
    """One run of a document."""

    def __init__(self, text: str) -> None:
        self._said: Mapping[str, bool] = {}
        self.entered: list[str] = []
        self.exited: list[str] = []
        made = {name: self._function(name, kind) for name, kind in functions(text).items()}
        self._machine = machine(text)(SimpleNamespace(**made), listeners=[self])

    def _function(self, name: str, kind: str) -> Callable[[], object]:
        match kind:
            case "cond":
                return lambda: self._said[name]
            case "delayexpr":
                return lambda: "1s"
            case _:
                return lambda: None

    def on_enter_state(self, state: Any) -> None:
        self.entered.append(state.id)

    def on_exit_state(self, state: Any) -> None:
        self.exited.append(state.id)

    @property
    def states(self) -> set[str]:
        return {state.id for state in self._machine.configuration}

    @property
    def waiting(self) -> set[str]:
        """The events of the running timers."""
        return self._machine._engine.waiting  # type: ignore[no-any-return]

    def take(self, event: str, said: Mapping[str, bool]) -> None:
        self.entered.clear()
        self.exited.clear()
        self.waiting.discard(event)
        self._said = said
        self._machine.send(event)


@cache
def scxml(chart: Chart) -> str:
    return document(diagram_of(chart))


def follow(chart: Chart, steps: Iterator[Step]) -> None:
    """Check that both take the same steps."""
    other = Interpreter(scxml(chart))
    for n, step in enumerate(steps):
        if step.outcome in (Outcome.STALE, Outcome.LATE):
            continue  # SCXML has no stale and no late events
        if n:
            other.take(event_of(step.event), dict(step.guards))
        assert other.entered == [active.state for active in step.entries]
        assert other.exited == [active.state for active in step.exits]
        assert other.states == {active.state for active in step.after.active}
        assert other.waiting == {timer_event(t.state, t.name) for t in step.after.timers}


def event_of(event: Event) -> str:
    if isinstance(event, TimerFired):
        return timer_event(event.state, event.timer)
    return type(event).__name__


# --- in lock-step --------------------------------------------------------------------------------

GUARDS = sorted({reaction.guard for reaction in diagram_of(CHART).reactions if reaction.guard})
ENDS = {CallerHungUp, LineClosed, CallTransferred}


@given(charts(), seeds, happenings)
@settings(max_examples=30)
def test_a_random_chart_and_its_scxml_take_the_same_steps(
    chart: Chart, seed: int, happens: list[Post | Wait]
) -> None:
    follow(chart, walk(chart, first_data(seed), happens))


@dataclass(frozen=True, slots=True)
class Chance:
    """One occurrence: its number among the possible ones, and the results of all guards."""

    which: int
    guards: int


chances = st.lists(
    st.builds(Chance, st.integers(0, 999), st.integers(0, 2 ** len(GUARDS) - 1)),
    min_size=12,
    max_size=40,
)


class Drawn(Evaluator):
    """Return the chart with guards that return drawn results, timers of 1 s, and no late events."""

    def __init__(self, bits: int) -> None:
        self._bits = bits

    def guard(self, guard: Guard, data: Any, event: Event, at: int) -> bool:
        return bool(self._bits >> GUARDS.index(named(guard)) & 1)

    def delay(self, timer: TimerSpec, data: Any, at: int) -> int:
        return 1_000_000

    def late(self, late: Callable[[Any, Event], bool], data: Any, event: Event) -> bool:
        return False


def random_call(drawn: Sequence[Chance]) -> Iterator[Step]:
    """Yield the steps of a call over the default chart, with events that can happen there."""
    step = begin(CHART, PhoneData.begin(PhoneSettings(), 0, Facts()), evaluator=Drawn(0))
    yield step
    for chance in drawn:
        if CHART.is_final(step.after.leaf):
            return
        can = [*step.after.recalled[:1]] or [*arriving(step, chance), *timers(step)]
        occurrence = can[chance.which % len(can)]
        step = decide(CHART, step.after, step.data, occurrence, evaluator=Drawn(chance.guards))
        yield step


def arriving(step: Step, chance: Chance) -> Iterator[Occurrence]:
    for event in CHART.arriving(step.after.leaf):
        # Events that end the call are rare, so that calls last.
        if event not in ENDS or chance.which % 11 == 0:
            yield Occurrence(step.at_us, some(event), stay_of(step, event.origin))


def stay_of(step: Step, activity: str) -> int | None:
    for active in step.after.active:
        if CHART.nodes[active.state].state.activity == activity:
            return active.activation
    return None


def some(event: type[Event]) -> Event:
    """Return an event of that type. Its fields do not matter: the results of guards are drawn."""
    values = {int: 1, str: "yes", float: 0.5, bool: False}
    types = get_type_hints(event)
    return event(**{f.name: values.get(types[f.name]) for f in fields(event)})


def timers(step: Step) -> Iterator[Occurrence]:
    for timer in step.after.timers:
        yield Occurrence(step.at_us, TimerFired(timer.state, timer.name), timer.activation)


@given(chances)
@settings(max_examples=20)
def test_the_default_chart_and_its_scxml_take_the_same_steps(drawn: list[Chance]) -> None:
    follow(CHART, random_call(drawn))


# --- cases that random calls seldom reach --------------------------------------------------------

FAR = to("deep.middle.other")
DEEP = Chart(
    "deep",
    [
        State(
            "deep",
            on={Knock: [to("over", when=yes), FAR], Call: stay(rearm="knocks")},
            after={"far": (LONG, FAR)},
            children=[
                State(
                    "middle",
                    children=[
                        leaf(
                            "first",
                            on={Knock: defer("not here", when=yes)},
                            after={"aside": (LONG, to("beside"))},
                        ),
                        leaf("other", after={"knocks": (2, ignore("none came"))}),
                    ],
                ),
                leaf("beside"),
            ],
        ),
        OVER,
    ],
    events=[Knock, Call],
    data=Notes,
)


def by_hand(data: Notes, happens: Sequence[Event | str]) -> Iterator[Step]:
    """Return the steps of a call with these events, timers and deferred events."""
    hand = Hand(DEEP, data)
    yield hand.step
    for event in happens:
        if isinstance(event, Event):
            yield hand.take(event)
        elif event == "recalled":
            yield hand.wait()
        else:
            timer = next(t for t in hand.step.after.timers if t.name == event)
            fired = TimerFired(timer.state, timer.name)
            yield hand.carry(Occurrence(timer.deadline_us, fired, timer.activation))


@pytest.mark.parametrize(
    "happens", [["far"], ["far", Knock()], [Knock()], ["aside", "far"], ["aside", Knock(), Knock()]]
)
def test_active_states_on_the_way_to_a_target_are_kept(happens: list[Event | str]) -> None:
    follow(DEEP, by_hand(Notes(yes=False), happens))


def test_a_parent_rearms_the_timer_of_a_child_that_is_active() -> None:
    follow(DEEP, by_hand(Notes(), [Call(), "far", Call(), "knocks", Call(), "knocks"]))


def test_deferred_events_do_not_reach_the_parents_and_are_offered_again() -> None:
    *_, last = steps = [*by_hand(Notes(yes=True), [Knock(), "aside", "recalled"])]
    assert (steps[1].outcome, last.after.leaf) == (Outcome.DEFERRED, "over")
    follow(DEEP, iter(steps))


def test_a_document_has_the_length_of_every_timer() -> None:
    delays = {
        send.get("event"): send.get("delay") or send.get("delayexpr")
        for send in ET.fromstring(scxml(CHART)).iter(f"{{{NAMESPACE}}}send")
    }
    shown = diagram_of(CHART).states.values()
    assert delays == {
        timer_event(state.path, timer.name): timer.value.replace(" ", "") or f"{timer.source}()"
        for state in shown
        for timer in state.timers
    }
