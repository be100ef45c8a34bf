"""The loop of one call: which occurrence is first, the order of a step, and its scopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from callchart.engine.call import Call, Inspector
from callchart.engine.chart import (
    Chart,
    ChartError,
    Effect,
    Outcome,
    State,
    Step,
    defer,
    ignore,
    stay,
    to,
)
from callchart.engine.chart.state import Reactions
from callchart.engine.data import CallData, Facts
from callchart.engine.events import CallerHungUp, Event, HangUpRequested, LineClosed, TimerFired
from callchart.engine.journal import JournalList, JournalWriter
from callchart.engine.journal import line as journal_line
from callchart.engine.mailbox import MailboxFull
from callchart.engine.ports import Closed, RemoteHungUp
from callchart.engine.scene import Activity, Scene
from callchart.engine.settings import Settings
from callchart.engine.testing.schedule import settle
from tests.engine.chart.by_hand import OVER, Knock, Notes, Say, Worked, leaf
from tests.engine.chart.by_hand import Call as Ring
from tests.engine.chart.random_charts import (
    OUTSIDE,
    WORKED,
    Bits,
    Mark,
    Stop,
    charts,
    seeds,
)
from tests.engine.quiet import NO_SERVICES, QuietLine

EVENTS = (Knock, Ring, Worked, CallerHungUp, LineClosed)


async def idle(scene: Scene) -> None:
    await trio.sleep_forever()


def chart(*states: State) -> Chart:
    """Return a chart whose top state `all` ignores all events but the end of the line."""
    passing: dict[type[Event], Reactions] = {event: ignore("not here") for event in EVENTS}
    return Chart(
        "a test's",
        [State("all", on={**passing, LineClosed: to("over")}, children=states), OVER],
        events=EVENTS,
        data=Notes,
    )


def new_call(
    chart: Chart,
    activities: Mapping[str, Activity] | None = None,
    *,
    inspect: Inspector | None = None,
    data: CallData | None = None,
    journal: JournalList | None = None,
) -> tuple[Call, QuietLine]:
    line = QuietLine()
    data = Notes() if data is None else data
    call = Call(
        chart,
        line,
        NO_SERVICES,
        data,
        activities=activities or {"work": idle},
        journal_writer=None if journal is None else JournalWriter(journal, chart, data),
        inspectors=() if inspect is None else (inspect,),
    )
    return call, line


class Steps(list[Step]):
    """A list of a call's steps, which serves as an inspector."""

    def __call__(self, call_id: str, step: Step) -> None:
        self.append(step)

    def of(self, kind: type[Event]) -> list[Step]:
        return [step for step in self if isinstance(step.event, kind)]


async def at(seconds: float, do: Callable[[], object]) -> None:
    await trio.sleep_until(seconds)
    do()


# --- the first occurrence -------------------------------------------------------------------------


async def test_an_event_posted_at_the_instant_of_a_timer_goes_first(
    autojump_clock: MockClock,
) -> None:
    for seed in range(8):
        settle(seed)
        steps, begins = Steps(), trio.current_time()
        call, _ = new_call(
            chart(
                leaf("a", on={Knock: to("b")}, after={"tick": (1, to("over"))}),
                State("b", after={"at_once": (0, to("over"))}),
            ),
            inspect=steps,
        )

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.run)
            nursery.start_soon(at, begins + 1, partial(call.mailbox.post, Knock()))

        assert [step.before.leaf for step in steps[1:]] == ["all.a", "all.b"]
        assert steps[1].event == Knock()


@dataclass(frozen=True, slots=True)
class PostAndRaise(Effect):
    """An effect that posts a Ring, as another task would, and raises another one."""

    def carry_out(self, call: Call) -> None:
        call.mailbox.post(Ring("posted"))
        call.raise_(Ring("raised"))


async def test_raised_events_go_before_recalled_ones_and_recalled_ones_before_posted_ones(
    autojump_clock: MockClock,
) -> None:
    steps = Steps()
    call, _ = new_call(
        chart(
            leaf(
                "a",
                exit=PostAndRaise(),
                on={Ring: defer("later")},
                after={"tick": (1, to("b"))},
            ),
            State("b", after={"end": (0, to("over"))}),
        ),
        inspect=steps,
    )

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call.run)
        nursery.start_soon(at, 0.5, partial(call.mailbox.post, Ring("put off")))

    in_b = [step.event for step in steps if step.before.leaf == "all.b"]
    assert in_b[:3] == [Ring("raised"), Ring("put off"), Ring("posted")]


async def test_timers_fire_exactly_at_their_deadlines(autojump_clock: MockClock) -> None:
    steps = Steps()
    call, _ = new_call(
        chart(
            leaf("a", after={"first": (0.25, stay()), "second": (1 / 3, to("b"))}),
            State("b", after={"end": (1, to("over"))}),
        ),
        inspect=steps,
    )

    await call.run()

    assert [step.at_us for step in steps.of(TimerFired)] == [250_000, 333_333, 1_333_333]
    assert trio.current_time() == pytest.approx(1.333333, abs=1e-9)


async def test_signals_of_the_line_become_events(autojump_clock: MockClock) -> None:
    steps = Steps()
    call, line = new_call(chart(leaf("a")), inspect=steps)
    line.send_signal(RemoteHungUp("busy"))
    line.send_signal(Closed())

    await call.run()

    assert [step.event for step in steps[1:]] == [CallerHungUp("busy"), LineClosed()]


async def test_a_line_that_is_gone_without_a_signal_counts_as_closed(
    autojump_clock: MockClock,
) -> None:
    steps = Steps()
    call, line = new_call(chart(leaf("a")), inspect=steps)
    line.vanish()

    await call.run()

    assert [step.event for step in steps[1:]] == [LineClosed()]


# --- the order of a step -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_a_step_is_carried_out_in_order(seed: int) -> None:
    settle(seed)
    line = QuietLine()

    async def notes_its_life(scene: Scene) -> None:
        line.note(f"{scene.state} begins")
        try:
            await trio.sleep_forever()
        finally:
            line.note(f"{scene.state} ends")

    def nested(outer: str, inner: str, **of_inner: Any) -> State:
        child = leaf(
            inner,
            activity="work",
            entry=Say(f"enter {inner}"),
            exit=Say(f"leave {inner}"),
            **of_inner,
        )
        return State(
            outer,
            activity="work",
            entry=Say(f"enter {outer}"),
            exit=Say(f"leave {outer}"),
            children=[child],
        )

    async def run() -> None:
        nonlocal line
        call, line = new_call(
            chart(
                nested("a", "b", on={Knock: to("d", effects=Say("go"))}),
                nested("c", "d"),
            ),
            {"work": notes_its_life},
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.run)
            nursery.start_soon(at, 1, partial(call.mailbox.post, Knock()))
            nursery.start_soon(at, 2, partial(line.send_signal, Closed()))

    trio.run(run, clock=MockClock(autojump_threshold=0))

    assert [note for moment, note in line.noted if moment == 0] == [
        "enter a",
        "enter b",
        "all.a begins",
        "all.a.b begins",
    ]
    assert [note for moment, note in line.noted if moment == 1] == [
        "leave b",
        "leave a",
        "all.a.b ends",
        "all.a ends",
        "go",
        "enter c",
        "enter d",
        "all.c begins",
        "all.c.d begins",
    ]


async def test_the_journals_line_is_written_before_the_step_is_carried_out(
    autojump_clock: MockClock,
) -> None:
    journal = JournalList()

    @dataclass(frozen=True, slots=True)
    class Look(Effect):
        def carry_out(self, call: Call) -> None:
            written.append(journal.lines[-1]["to"])

    written: list[str] = []
    call, _ = new_call(
        chart(leaf("a", exit=Look(), after={"tick": (1, to("b"))}), leaf("b", entry=Look())),
        journal=journal,
    )

    await call.run()

    assert written == ["all.b", "all.b"]
    assert [line.get("n") for line in journal.lines] == [None, 0, 1, 2]


# --- activities and their scopes -----------------------------------------------------------------


async def test_a_state_outlasts_its_activity(autojump_clock: MockClock) -> None:
    async def is_done_at_once(scene: Scene) -> None:
        scene.post(Worked())

    steps = Steps()
    call, _ = new_call(
        chart(leaf("a", activity="work", on={Worked: stay()}, after={"tick": (5, to("over"))})),
        {"work": is_done_at_once},
        inspect=steps,
    )

    await call.run()

    assert [(step.at_us, step.outcome) for step in steps[1:]] == [
        (0, Outcome.STAYED),
        (5_000_000, Outcome.TAKEN),
    ]


async def test_an_activity_whose_state_is_left_at_once_never_begins(
    autojump_clock: MockClock,
) -> None:
    begun: list[str] = []

    async def begins(scene: Scene) -> None:
        begun.append("work")

    def as_the_call_begins(call_id: str, step: Step) -> None:
        if step.after.leaf == "all.a":
            call.mailbox.post(Knock())

    for seed in range(8):
        settle(seed)
        call, _ = new_call(
            chart(leaf("a", activity="work", on={Knock: to("over")})),
            {"work": begins},
            inspect=as_the_call_begins,
        )
        await call.run()

    # The order of Trio's tasks decides whether it began before the event was taken, or not at all.
    # It must not begin afterwards.
    assert len(begun) < 8


async def test_an_activity_does_not_begin_once_its_state_is_left(
    autojump_clock: MockClock,
) -> None:
    async def begins(scene: Scene) -> None:
        assert call.step.after.leaf == scene.state, "its state has been left"

    def as_the_call_begins(call_id: str, step: Step) -> None:
        if step.after.leaf == "all.a":
            call.mailbox.post(Knock())

    for seed in range(8):
        settle(seed)
        call, _ = new_call(
            chart(
                leaf("a", activity="work", on={Knock: to("b")}),
                State("b", after={"end": (1, to("over"))}),
            ),
            {"work": begins},
            inspect=as_the_call_begins,
        )
        await call.run()


async def test_an_activity_sees_the_data_as_its_state_was_entered(
    autojump_clock: MockClock,
) -> None:
    seen: list[object] = []

    async def looks(scene: Scene) -> None:
        seen.append(scene.data)

    data = Notes(notes=("first",))
    call, _ = new_call(
        chart(leaf("a", activity="work", after={"tick": (1, to("over"))})),
        {"work": looks},
        data=data,
    )

    await call.run()

    assert seen == [data]


async def test_an_activity_that_crashes_ends_the_call(autojump_clock: MockClock) -> None:
    class Crash(Exception):
        pass

    async def crashes(scene: Scene) -> None:
        await trio.sleep(1)
        raise Crash

    call, _ = new_call(chart(leaf("a", activity="work")), {"work": crashes})

    with pytest.RaisesGroup(Crash, flatten_subgroups=True):
        await call.run()
    assert trio.current_time() == 1


async def test_a_mailbox_that_overflows_ends_the_call(autojump_clock: MockClock) -> None:
    async def babbles(scene: Scene) -> None:
        while True:
            scene.post(Worked())

    call, _ = new_call(
        chart(leaf("a", activity="work")),
        {"work": babbles},
        data=Notes(settings=Settings(mailbox=8)),
    )

    with pytest.RaisesGroup(MailboxFull, flatten_subgroups=True):
        await call.run()


async def test_an_activity_without_an_implementation_is_refused_before_the_call_begins() -> None:
    with pytest.raises(
        ChartError,
        match=r"^state all\.a: the activity must be one of sing, work, got 'dance'; add it to "
        r"Chart\(activities=\.\.\.\)$",
    ):
        new_call(chart(leaf("a", activity="dance")), {"work": idle, "sing": idle})


async def test_a_misspelt_activity_is_answered_with_the_near_one() -> None:
    with pytest.raises(
        ChartError,
        match=r"^state all\.a: the activity must be one of sing, work, got 'wrok'; did you mean "
        r"'work'\?$",
    ):
        new_call(chart(leaf("a", activity="wrok")), {"work": idle, "sing": idle})


async def test_a_charts_own_activity_replaces_the_engines(autojump_clock: MockClock) -> None:
    done: list[str] = []

    async def own(scene: Scene) -> None:
        done.append("own")

    states = [leaf("a", activity="work", on={HangUpRequested: ignore("")}), OVER]
    own_chart = Chart("own", states, events=(HangUpRequested,), activities={"work": own})
    call, _ = new_call(own_chart, {"work": idle}, data=CallData())

    await call.run()

    assert done == ["own"]


# --- random calls --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Habit:
    """The behaviour of an activity: it posts events after these pauses (ms), and then returns or
    stays."""

    pauses: tuple[int, ...]
    ends: bool
    helpers: int


@dataclass(frozen=True, slots=True)
class World:
    """The input of a random call: events from outside as (ms, kind), and the habits."""

    events: tuple[tuple[int, int], ...]
    habits: Mapping[str, Habit]


#: Many moments are on the grid of the charts' delays, so that they tie; some are off it.
_pauses = st.sampled_from([5, 10, 10, 20, 30])
worlds = st.builds(
    World,
    st.lists(st.tuples(st.integers(0, 20).map(lambda n: n * 10), st.integers(0, 1)), max_size=12)
    .map(sorted)
    .map(tuple),
    st.fixed_dictionaries(
        {
            name: st.builds(
                Habit,
                st.lists(_pauses, min_size=1, max_size=4).map(tuple),
                st.booleans(),
                st.integers(0, 2),
            )
            for name in WORKED
        }
    ),
)


class Workshop:
    """The activities of one random call, with checks of their tasks."""

    def __init__(self, world: World) -> None:
        self._world, self._numbers = world, iter(range(10_000))
        self.tasks: dict[int, int] = {}
        #: The activations whose activities were cancelled, in order.
        self.cancelled: list[int] = []
        self.steps: list[Step] = []
        self.moments: list[float] = []

    @property
    def activities(self) -> dict[str, Activity]:
        return {name: partial(self._work, name) for name in WORKED}

    async def _work(self, name: str, scene: Scene) -> None:
        habit = self._world.habits[name]
        self._count(scene, +1)
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(habit.helpers):
                    nursery.start_soon(self._help, name, scene)
                for pause in habit.pauses:
                    await trio.sleep(pause / 1000)
                    self._post(name, scene)
                if not habit.ends:
                    await trio.sleep_forever()
                nursery.cancel_scope.cancel()
        except trio.Cancelled:
            self.cancelled.append(scene.activation)
            raise
        finally:
            # As its state is left.
            self._post(name, scene)
            self._count(scene, -1)

    async def _help(self, name: str, scene: Scene) -> None:
        self._count(scene, +1)
        try:
            while True:
                await trio.sleep(0.03)
                self._post(name, scene)
        finally:
            self._count(scene, -1)

    def _count(self, scene: Scene, more: int) -> None:
        self.tasks[scene.activation] = self.tasks.get(scene.activation, 0) + more

    def _post(self, name: str, scene: Scene) -> None:
        scene.post(WORKED[name](next(self._numbers)))

    def inspect(self, call_id: str, step: Step) -> None:
        """Check before a step that no task of a state that was left is alive."""
        alive = {activation for activation, tasks in self.tasks.items() if tasks}
        assert alive <= {active.activation for active in step.before.active}
        if self.steps:
            self._check_order_of_ends(self.steps[-1])
        self.steps.append(step)
        self.moments.append(trio.current_time())
        assert len(self.steps) < 5_000, "it turns in a circle"
        self._cancelled_before = len(self.cancelled)

    def _check_order_of_ends(self, last: Step) -> None:
        """Check that the last step cancelled the activities of the states that it left, innermost
        first."""
        ended = self.cancelled[self._cancelled_before :]
        assert ended == [a.activation for a in last.exits if a.activation in ended]

    async def run(self, chart: Chart, seed: int) -> tuple[Call, QuietLine]:
        data = Bits.begin(Settings(), seed, Facts())
        call, line = new_call(chart, self.activities, inspect=self.inspect, data=data)
        tasks = trio.lowlevel.current_statistics().tasks_living
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.run)
            for ms, kind in self._world.events:
                post = partial(call.mailbox.post, OUTSIDE[kind](next(self._numbers)))
                nursery.start_soon(at, ms / 1000, post)
            nursery.start_soon(at, 0.25, partial(call.mailbox.post, Stop()))
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        return call, line


def run(chart: Chart, seed: int, world: World, *, order: int) -> tuple[Workshop, QuietLine]:
    """Run one random call; `order` is the seed of the order of tasks."""
    shop = Workshop(world)
    settle(order)
    _, line = trio.run(shop.run, chart, seed, clock=MockClock(autojump_threshold=0))
    return shop, line


@given(charts(), seeds, worlds, st.integers(0, 3))
def test_random_calls_act_on_no_stale_event_and_leave_no_task(
    chart: Chart, seed: int, world: World, order: int
) -> None:
    shop, line = run(chart, seed, world, order=order)

    left: set[int] = set()
    for step, moment in zip(shop.steps, shop.moments, strict=True):
        stay = step.occurrence.activation
        assert (step.outcome is Outcome.STALE) == (stay in left)
        assert step.at_us == round(moment * 1_000_000), "nothing took any time"
        left |= {active.activation for active in step.exits}
    assert not any(shop.tasks.values())
    assert chart.is_final(shop.steps[-1].after.leaf)
    assert line.noted == [
        (moment, effect.text)
        for step, moment in zip(shop.steps, shop.moments, strict=True)
        for effect in (*step.exit_effects, *step.effects, *step.entry_effects)
        if isinstance(effect, Mark)
    ]


@given(charts(), seeds, worlds, st.integers(0, 3))
def test_one_seed_gives_one_journal(chart: Chart, seed: int, world: World, order: int) -> None:
    def journal() -> list[dict[str, Any]]:
        shop, _ = run(chart, seed, world, order=order)
        return [journal_line(n, step) for n, step in enumerate(shop.steps)]

    assert journal() == journal()
