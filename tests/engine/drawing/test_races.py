"""The races of a chart: calls end as the page says, in both orders.

The test decides every pair again. If the order changes the last state, it also runs a call on a
virtual clock to that state, and lets both happen at one instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest
import trio

from callchart.engine.call import Call
from callchart.engine.chart import Chart, Occurrence, Step, decide, defer, ignore, stay, to
from callchart.engine.chart.decide import next_occurrence
from callchart.engine.drawing.model import diagram_of
from callchart.engine.drawing.races import page, rows
from callchart.engine.events import Event, TimerFired
from callchart.engine.exploration.races.reachable import PossibleOccurrence, ReachableState
from callchart.engine.exploration.races.ties import Order, Tie, ties
from callchart.engine.scene import Scene
from callchart.states import CHART
from tests.engine.chart.by_hand import Call as Ring
from tests.engine.chart.by_hand import Knock, Say, chart, leaf, note, note_again
from tests.engine.quiet import NO_SERVICES, QuietLine

DIAGRAM = diagram_of(CHART)
LEAVES = {DIAGRAM.name(path): path for path in CHART.leaves if not CHART.is_final(path)}


@cache
def all_ties() -> dict[str, list[Tie]]:
    """Return by state every tie that ends in different states, and one tie of every other pair."""
    found: dict[str, list[Tie]] = {path: [] for path in LEAVES.values()}
    known = set()
    for tie in ties(CHART):
        pair = tie.state.leaf, tie.triggers
        if pair not in known or tie.differs_in[:1] == ("state",):
            found[tie.state.leaf].append(tie)
        known.add(pair)
    return found


WORK_AHEAD = (all_ties,)


def orders(tie: Tie) -> Iterator[tuple[PossibleOccurrence, PossibleOccurrence, Order]]:
    yield tie.one, tie.other, tie.one_first
    yield tie.other, tie.one, tie.other_first


# --- decided -------------------------------------------------------------------------------------


def decided(state: ReachableState, first: Occurrence, second: Occurrence) -> Step:
    """Return the last step of the instant in which both happen.

    A timer that no longer runs does not happen."""
    step = decide(CHART, state.step.after, state.step.data, first)
    step = until_the_end_of_the_instant(step, recalled_only=True)
    if not CHART.is_final(step.after.leaf) and (second.activation is None or runs(step, second)):
        step = decide(CHART, step.after, step.data, second)
    return until_the_end_of_the_instant(step)


def runs(step: Step, occurrence: Occurrence) -> bool:
    if not isinstance(event := occurrence.event, TimerFired):
        return True
    if (event.state, event.timer) in {(state, name) for state, name, _ in step.started}:
        return False
    running = {(t.state, t.name, t.activation) for t in step.after.timers}
    return (event.state, event.timer, occurrence.activation) in running


def until_the_end_of_the_instant(step: Step, *, recalled_only: bool = False) -> Step:
    while (following := next_occurrence(step.after)) is not None and following.at_us <= step.at_us:
        if recalled_only and not step.after.recalled:
            break
        step = decide(CHART, step.after, step.data, following)
    return step


# --- run -----------------------------------------------------------------------------------------


async def silent(scene: Scene) -> None:
    """Do nothing: the test posts all events of the activities."""


class OpenLine(QuietLine):
    """A line that sends no signal when it is hung up."""

    def hang_up(self) -> None:
        self.note("hang up")


class Meeting:
    """A call that goes the whole way to a state, in which two triggers then come at one instant.

    The inspector posts each event while the loop reports the step before it, so that nothing comes
    between the two. With a timer, the instant is its deadline."""

    def __init__(
        self, state: ReachableState, first: PossibleOccurrence, second: PossibleOccurrence
    ) -> None:
        steps = [state]
        while (before := steps[0].before) is not None:
            steps.insert(0, before)
        self._steps, self._first, self._second = steps, first, second
        self._told = 0
        self._met = trio.Event()
        self.call = Call(
            CHART,
            OpenLine(),
            NO_SERVICES,
            steps[0].step.data,
            activities=dict.fromkeys(("hear", "reply", "play", "fill"), silent),
            inspectors=[self._next],
        )

    async def run(self) -> Step:
        """Run the call, and return the last step of the instant."""
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.call.run)
            await self._met.wait()
            if not self._second.is_event:
                deadline = self.call.step.after.timers[0].deadline_us
                await trio.sleep_until(begun + deadline / 1_000_000)
                self._post(self._first)
            await trio.sleep(0.000_001)
            nursery.cancel_scope.cancel()
        return self.call.step

    def _next(self, call_id: str, step: Step) -> None:
        self._told += 1
        if self._told < len(self._steps):
            following = self._steps[self._told].step.occurrence
            comes_by_itself = isinstance(following.event, TimerFired) or step.after.recalled
            if not comes_by_itself:
                self.call.mailbox.post(following.event, following.activation)
        elif self._told == len(self._steps):
            if self._first.is_event and self._second.is_event:
                self._post(self._first)
                self._post(self._second)
            if self._first.is_event:
                self._met.set()
        elif not self._met.is_set():
            assert step.event == self._first.occurrence.event
            self._post(self._second)
            self._met.set()

    def _post(self, happening: PossibleOccurrence) -> None:
        occurrence = happening.occurrence
        self.call.mailbox.post(occurrence.event, occurrence.activation)


def can_be_met(tie: Tie) -> bool:
    """Return whether both can come at one instant: two events, or an event and the next timer."""
    if tie.one.is_event and tie.other.is_event:
        return True
    first, *others = tie.state.step.after.timers
    timer = tie.other.occurrence.event
    return (
        tie.one.is_event
        and timer == TimerFired(first.state, first.name)
        and first.deadline_us > tie.state.step.at_us
        and all(other.deadline_us > first.deadline_us for other in others)
    )


def instant(tie: Tie) -> int:
    """Return when both come: now, or at the deadline of the timer."""
    step = tie.state.step
    return step.at_us if tie.other.is_event else step.after.timers[0].deadline_us


@pytest.mark.unmeasured
@pytest.mark.parametrize("state", LEAVES)
async def test_both_orders_end_as_the_page_says(state: str, autojump_clock: object) -> None:
    for tie in all_ties()[LEAVES[state]]:
        for first, second, listed in orders(tie):
            last = decided(tie.state, first.occurrence, second.occurrence)
            assert (last.after.leaf, last.data) == (listed.leaf, listed.data)
        if tie.differs_in[:1] == ("state",) and can_be_met(tie):
            for first, second, _ in orders(tie):
                at = instant(tie)
                both = [replace(h.occurrence, at_us=at) for h in (first, second)]
                here = decided(tie.state, *both)
                last = await Meeting(tie.state, first, second).run()
                assert (last.at_us, last.after.leaf, last.data) == (at, here.after.leaf, here.data)


# --- the page ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message(Event):
    """An event from outside, with or without words."""

    text: str


def section(chart: Chart, state: str) -> str:
    """Return the part of the chart's page about a state."""
    _, text = page(diagram_of(chart), ties(chart)).split(f"## {state}\n")
    return text.split("\n## ")[0]


def lines(chart: Chart, state: str) -> list[str]:
    """Return the lines of the CSV about a state."""
    text = rows(diagram_of(chart), ties(chart))
    return [line for line in text.splitlines() if line.startswith(f"{state},")]


def test_the_page_has_both_orders_of_a_pair_that_ends_in_different_states() -> None:
    knocked = chart(
        leaf("a", on={Knock: to("b"), Ring: ignore("nobody calls")}),
        leaf("b", on={Knock: ignore("it is open"), Ring: to("over")}),
        events=(Knock, Ring),
    )
    text = page(diagram_of(knocked), ties(knocked))
    assert "| `Knock` | `Call` | → **b**; → **over** | ignored; → **b** |" in text
    assert "test_races.py::test_both_orders_end_as_the_page_says[a]`" in text
    assert not any(line.startswith("a,Knock,Call,") for line in lines(knocked, "a"))


def test_the_csv_has_the_commands_of_pairs_that_differ_in_them_alone() -> None:
    greeted = chart(
        leaf("a", on={Knock: to("b"), Ring: stay(effects=Say("hello"))}),
        leaf("b", on={Knock: ignore("it is open"), Ring: ignore("nobody calls")}),
        events=(Knock, Ring),
    )
    assert "a,Knock,Call,other commands,→ b; ignored,stays; → b / Say,b" in lines(greeted, "a")
    assert "`Knock` | `Call`" not in page(diagram_of(greeted), ties(greeted))


def test_the_csv_has_the_data_fields_of_pairs_that_differ_in_them_alone() -> None:
    noted = chart(
        leaf("a", on={Knock: stay(update=note), Ring: stay(update=note_again)}),
        events=(Knock, Ring),
    )
    assert "a,Knock,Call,notes,stays; stays,stays; stays,a" in lines(noted, "a")


def test_the_csv_has_the_last_state_of_pairs_that_are_alike() -> None:
    answered = chart(
        leaf("a", on={Message: to("b"), Knock: to("over")}),
        leaf("b", on={Message: ignore("it is known"), Knock: ignore("it is open")}),
        events=(Message, Knock),
    )
    assert "| `Message` | `Knock` | → **b**; ignored | → **over**; over |" in section(answered, "a")
    assert "b,Message,Knock,alike,,,b" in lines(answered, "b")


def test_a_state_whose_pairs_all_end_in_one_state_has_no_section() -> None:
    hurried = chart(
        leaf("a", on={Knock: to("b")}),
        leaf("b", on={Knock: ignore("it is open")}),
    )
    text = page(diagram_of(hurried), ties(hurried))
    assert "\n## b\n" not in text
    assert "| b | 0 |" in text
    assert lines(hurried, "b")


def test_the_page_names_the_last_state_of_an_instant_if_a_third_step_leads_there() -> None:
    passing = chart(
        leaf("a", on={Knock: to("b"), Ring: to("over")}),
        leaf(
            "b",
            on={Knock: ignore("it is open"), Ring: ignore("nobody calls")},
            after={"at_once": (0, to("c"))},
        ),
        leaf("c", on={Knock: ignore("it is open"), Ring: ignore("nobody calls")}),
        events=(Knock, Ring),
    )
    text = section(passing, "a")
    assert "| `Knock` | `Call` | → **b**; ignored = **c** | → **over**; over |" in text


def test_a_recalled_event_comes_before_the_second_of_a_pair() -> None:
    put_off = chart(
        leaf("a", on={Knock: defer("not yet"), Ring: to("b"), Message: ignore("not yet")}),
        leaf("b", on={Knock: to("c"), Ring: ignore("it is open"), Message: ignore("not yet")}),
        leaf(
            "c", on={Knock: ignore("it is open"), Ring: ignore("it is open"), Message: to("over")}
        ),
        events=(Knock, Ring, Message),
    )
    text = section(put_off, "a")
    assert "| `Call` | `Message` | → **b**; → **over** | ignored; → **b** = **c** |" in text
