"""Stories under many schedules: how events are moved, and what is reported."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
import trio

from callchart.engine.testing import Spoken, Telephone
from callchart.engine.testing.moves import INSTANT_S, REACH_S, OutsideEvent, Schedule
from callchart.engine.testing.questions import entered
from callchart.engine.testing.story import Story, tell
from callchart.states import CHART

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]


def telephone() -> Telephone:
    return Telephone(CHART)


async def nothing() -> None:
    pass


def event(at: float, *, of_voice: bool = False, lag: float = 0.0) -> OutsideEvent:
    return OutsideEvent(at, "something", nothing, lag, of_voice)


def moments(*events: OutsideEvent, instants: tuple[float, ...] = ()) -> list[list[float]]:
    """Return the moments of the events under each of 200 schedules."""
    schedules = [Schedule(0, number, instants) for number in range(200)]
    return [schedule.moments(events, schedule.random()) for schedule in schedules]


# --- moves ---------------------------------------------------------------------------------------


def test_the_first_schedule_moves_nothing() -> None:
    assert moments(event(2.0), event(1.0))[0] == [2.0, 1.0]


def test_an_event_is_moved_before_onto_and_after_the_instants_near_it() -> None:
    moved = {at for (at,) in moments(event(2.0), instants=(1.0, 2.3, 3.0))}
    assert {2.0, 2.299999, 2.3, 2.300001} <= moved
    assert all(2.0 - REACH_S <= at <= 2.0 + REACH_S for at in moved)
    assert len(moved) > 20  # and other moments


def test_an_event_with_a_lag_is_moved_ahead_to_meet_an_instant() -> None:
    assert [2.28] in moments(event(2.0, lag=0.02), instants=(2.3,))


def test_no_event_is_moved_before_the_call() -> None:
    assert min(at for (at,) in moments(event(0.1))) == 0.0


def test_voice_events_keep_their_order_and_a_frame_between_them() -> None:
    voice = [event(at, of_voice=True) for at in (1.0, 1.1, 1.2, 1.3)]
    for moved in moments(*voice, instants=(0.9, 1.15, 1.25)):
        assert all(later - earlier > 0.02 - 1e-5 for earlier, later in pairwise(moved))


def test_later_events_move_along_in_up_to_half_of_the_schedules() -> None:
    moved = moments(event(2.0), event(9.0))
    kept = [second - first == pytest.approx(7.0) for first, second in moved if first != 2.0]
    assert 0.05 < sum(kept) / len(kept) < 0.5


def test_a_schedule_is_fixed_by_its_name() -> None:
    schedule = Schedule(3, 7, (1.9, 2.1))
    assert schedule.moments([event(2.0)], schedule.random()) == schedule.moments(
        [event(2.0)], Random("3.7")
    )


# --- stories -------------------------------------------------------------------------------------


async def hangs_up_as_the_answer_begins(story: Story) -> None:
    story.telephone.agent_will_say("At nine.|")
    story.caller_says("When do you open?", at=3.0, until=4.0)
    story.caller_hangs_up(at=4.72)
    await story.happens()


def test_a_story_takes_several_courses_under_several_schedules() -> None:
    told = tell(hangs_up_as_the_answer_begins, telephone, schedules=20)
    assert told.schedules == 20
    assert 2 < told.distinct <= 20
    assert tell(hangs_up_as_the_answer_begins, telephone, schedules=20).traces == told.traces


def test_every_verb_happens_at_its_moment_under_the_first_schedule() -> None:
    async def all_of_it(story: Story) -> None:
        call = story.telephone
        story.caller_makes_noise(at=2.5)
        story.caller_says(Spoken("Hello?"), at=3.0, lasting=0.5)
        story.caller_says("Hello?", at=4.0, until=4.2)
        story.caller_presses("1", at=3.2)
        story.recognizer_fails(at=8.0)
        story.operator_hangs_up(at=9.0)
        story.caller_hangs_up(at=9.5)
        story.line_breaks(at=9.6)
        await story.happens()
        seen = [(type(step.event).__name__, step.at_us / 1e6) for step in call.steps]
        for expected in (
            ("SpeechStarted", 2.52),
            ("SpeechEnded", 2.82),
            ("SpeechStarted", 3.02),
            ("DigitReceived", 3.2),
            ("SpeechEnded", 3.52),
            ("SpeechStarted", 4.02),
            ("SpeechEnded", 4.22),
            ("HearingFailed", 8.0),
            ("HangUpRequested", 9.0),
            ("CallerHungUp", 9.5),
        ):
            assert expected in seen
        assert story.around(0.5) == 0.5

    assert tell(all_of_it, telephone, schedules=1).schedules == 1


def test_a_delay_is_moved_around_its_value() -> None:
    delays = {Story(Schedule(0, n), telephone).around(0.5) for n in range(200)}
    assert {0.5, 0.5 - INSTANT_S, 0.5 + INSTANT_S} < delays
    assert all(0.0 <= delay <= 1.0 for delay in delays)
    assert len(delays) > 20


def test_a_story_may_have_events_of_its_own_and_no_call() -> None:
    async def two_bells(story: Story) -> None:
        async def rings() -> None:
            story.note("the first")

        async def rings_too() -> None:
            story.note("the second")

        story.event("a bell", rings, at=1.0)
        story.event("another bell", rings_too, at=1.0)
        await story.happens(until=3.0)
        assert trio.current_time() == 3.0

    told = tell(two_bells, telephone, schedules=30)
    assert told.traces == {
        ((), ("the first", "the second")),
        ((), ("the second", "the first")),
    }


def test_a_story_that_always_takes_the_same_course_is_a_defect() -> None:
    async def dull(story: Story) -> None:
        story.caller_hangs_up(at=100.0)
        story.telephone.settings = story.telephone.settings.of({"longest_call": 5.0})
        await story.happens()

    with pytest.raises(AssertionError, match=r"got one trace under all 5: move its events"):
        tell(dull, telephone, schedules=5)


def test_a_story_that_never_happens_is_a_defect() -> None:
    async def forgetful(story: Story) -> None:
        story.caller_hangs_up(at=1.0)

    with pytest.raises(AssertionError, match=r"1 events .* never happen: write `await story"):
        tell(forgetful, telephone, schedules=5)


def test_a_failed_assertion_names_its_schedule() -> None:
    async def wrong(story: Story) -> None:
        story.telephone.agent_will_say("At nine.|")
        story.caller_says("When do you open?", at=3.0, until=4.0)
        story.caller_presses("12", at=2.5)
        story.caller_hangs_up(at=4.5)
        await story.happens()
        assert not entered(story.telephone.steps, "thinking")

    with pytest.raises(AssertionError) as raised:
        tell(wrong, telephone, schedules=50, seed=4)
    (note,) = raised.value.__notes__
    assert note.startswith("under schedule 4.")
    assert "the caller presses 12 (told: 2.5 s)" in note
    assert "the caller hangs up (told: 4.5 s)" in note


# --- the plugin ----------------------------------------------------------------------------------


@pytest.fixture
def run(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> Run:
    installed = request.config.pluginmanager.hasplugin("callchart")
    loaded = [] if installed else ["-p", "callchart.engine.testing.plugin"]
    pytester.makeini("[pytest]\ntrio_mode = true\n")

    def run(source: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=source)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *loaded, *arguments)

    return run


STORY = """
    import pytest

    @pytest.mark.call(settings={"no_input": 3.0})
    @pytest.mark.parametrize("at", [4.72])
    async def test_hangs_up(story, at):
        assert story.telephone.settings.no_input == 3.0
        story.telephone.agent_will_say("At nine.|")
        story.caller_says("When do you open?", at=3.0, until=4.0)
        story.caller_hangs_up(at=at)
        await story.happens()
        assert 1 + 1 == 2
"""


def test_distinct_journals_are_reported_for_more_schedules_than_the_default(run: Run) -> None:
    result = run(STORY, "--callchart-schedules", "25")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["* distinct journals of 25 schedules: *test_hangs_up?4.72?"])
    result = run(STORY)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*distinct journals*")


def test_a_story_that_fails_shows_its_last_journal_and_its_schedule(run: Run) -> None:
    result = run(STORY.replace("== 2", "== 3"), "--callchart-seed", "7")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*under schedule 7.0:*",
            "*4.720000  the caller hangs up (told: 4.72 s)*",
            "*- journal of call 1 -*",
            "*CallerHungUp*",
            "to repeat it: pytest 'test_it.py::test_hangs_up?4.72?' --callchart-seed 7",
        ]
    )


def test_a_failure_under_a_later_schedule_is_repeated_by_its_line(run: Run) -> None:
    late = STORY.replace("1 + 1 == 2", "not story.schedule.name.endswith('.20')")
    failed = run(late, "--callchart-schedules", "25")
    failed.assert_outcomes(failed=1)
    (line,) = [line for line in failed.outlines if line.startswith("to repeat it: ")]
    run(late, *line.split()[5:]).assert_outcomes(failed=1)
