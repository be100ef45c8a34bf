"""The telephone: its waits, their limits, and its messages."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from callchart.engine.chart import Chart, State, ignore, to
from callchart.engine.events import CallerHungUp, DigitReceived, HangUpRequested, LineClosed
from callchart.engine.settings import SettingError
from callchart.engine.testing import Telephone
from callchart.engine.testing.plugin import MakeTelephone
from callchart.engine.testing.questions import events
from callchart.states import CHART
from callchart.states.settings import PhoneSettings


async def test_a_missed_path_is_shown_with_the_states_of_the_call(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone() as telephone:
        expectation = telephone.expect(states=["greeting", "thinking"], within=4.0)
        with pytest.raises(AssertionError) as failure:
            await expectation
    assert str(failure.value) == (
        "the call did not pass through the expected states:\n"
        "  clear  greeting\n"
        "- thinking\n"
        "+ waiting\n"
        "(at 4.000 s, in call.listening.waiting)"
    )
    assert failure.traceback[-1].path == Path(__file__)


async def test_an_expectation_that_is_not_awaited_is_met_before_the_next_verb(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone() as telephone:
        telephone.expect(states=["greeting", "listening"])
        await telephone.caller_starts_speaking()
        assert telephone.now == 2.2


async def test_a_call_is_over_when_its_last_task_has_ended(make_telephone: MakeTelephone) -> None:
    async with make_telephone() as telephone:
        await telephone.caller_hangs_up(at=1.0)
        assert not telephone.over
        await telephone.until_the_end()
        assert telephone.over


async def test_a_key_that_no_telephone_has_is_refused(make_telephone: MakeTelephone) -> None:
    async with make_telephone() as telephone:
        with pytest.raises(ValueError, match=r"^a key must be one of 0-9, A-D, \* and #, got 'x'$"):
            await telephone.caller_presses("1x")
        assert not events(telephone.steps, DigitReceived)


async def test_an_expectation_is_met_once(make_telephone: MakeTelephone) -> None:
    async with make_telephone() as telephone:
        greeting = telephone.expect(states=["greeting"])
        await greeting
        await telephone.until("listening")
        await greeting


async def test_settings_may_be_given_as_one_object(make_telephone: MakeTelephone) -> None:
    async with make_telephone(settings=PhoneSettings(no_input=1.0)) as telephone:
        await telephone.expect(states=["greeting", "listening", "speaking"])
        assert telephone.now == 3.2


async def test_an_expectation_that_is_not_awaited_fails_at_the_end(
    make_telephone: MakeTelephone,
) -> None:
    async def call() -> None:
        async with make_telephone() as telephone:
            await telephone.until(0.65)
            telephone.expect(heard="Good morning")

    with pytest.raises(AssertionError, match=r"must hear 'Good morning' .*, heard 'Hello, this'"):
        await call()


async def test_an_expected_number_of_stale_frames_must_be_heard(
    make_telephone: MakeTelephone,
) -> None:
    telephone = make_telephone()
    with pytest.raises(AssertionError, match="must hear 3 stale frames, heard 0"):
        async with telephone:
            telephone.expect(stale_frames=3)


async def test_a_failure_of_the_test_is_not_hidden_by_the_end_of_the_call(
    make_telephone: MakeTelephone,
) -> None:
    async def call() -> None:
        async with make_telephone() as telephone:
            await telephone.until(1.0)
            telephone.expect(states=["hangup"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await call()


async def test_a_failure_of_the_call_is_a_failure_of_the_test(
    make_telephone: MakeTelephone,
) -> None:
    def broken() -> bool:
        raise ZeroDivisionError

    chart = CHART.extended(
        "broken", on={"greeting": {CallerHungUp: [to("hangup", when=broken), to("hangup")]}}
    )

    async def call() -> None:
        async with make_telephone(chart=chart) as telephone:
            await telephone.caller_hangs_up(at=1.0)
            await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as failure:
        await call()
    assert failure.value.split(ZeroDivisionError)[0]


async def test_until_gives_up_after_its_limit_or_at_the_end_of_the_call(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone() as telephone:
        with pytest.raises(AssertionError, match="not in thinking: not within 7 s"):
            await telephone.until("thinking", within=7.0)
        assert telephone.now == 7.0
        await telephone.caller_hangs_up()
        with pytest.raises(AssertionError, match="not in thinking: it has ended"):
            await telephone.until("thinking")


async def test_a_wait_ends_after_all_steps_of_its_instant(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone() as telephone:
        await telephone.until("listening")
        assert telephone.now == 2.2
        assert [said.text for said in telephone.history] == [telephone.scripts.greeting]


async def test_until_finds_a_state_that_lasts_no_time(make_telephone: MakeTelephone) -> None:
    async with make_telephone() as telephone:
        await telephone.caller_says("Hello?", at=3.0)
        await telephone.until("thinking.silent")
        assert telephone.state == "call.turn.speaking.opening"


async def test_a_moment_in_the_past_is_refused(make_telephone: MakeTelephone) -> None:
    async with make_telephone() as telephone:
        await telephone.until(3.0)
        with pytest.raises(
            AssertionError, match=r"a moment must not be in the past: got 2 s at 3 s"
        ):
            await telephone.caller_hangs_up(at=2.0)


async def test_an_unknown_state_is_refused_with_the_nearest_one(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone() as telephone:
        with pytest.raises(ValueError, match=r"no state 'speeking'; did you mean 'speaking'\?"):
            telephone.expect(states=[..., "speeking"])
        with pytest.raises(ValueError, match="no state 'x'"):
            await telephone.until("x")


async def test_a_telephone_is_used_within_its_block(make_telephone: MakeTelephone) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await make_telephone().caller_hangs_up()


async def test_settings_are_checked(make_telephone: MakeTelephone) -> None:
    with pytest.raises(SettingError, match="did you mean no_input"):
        make_telephone(settings={"no_imput": 3.0})


def in_no_time() -> float:
    """Return 0 s: the chart's checks do not see a computed delay."""
    return 0.0


async def test_a_call_that_goes_round_in_a_circle_fails_instead_of_hanging(
    make_telephone: MakeTelephone,
) -> None:
    on = {
        CallerHungUp: to("over"),
        LineClosed: to("over"),
        HangUpRequested: ignore("it goes round"),
    }
    chart = Chart(
        "circle",
        [
            State("here", on=on, after={"go": (in_no_time, to("there"))}),
            State("there", on=on, after={"go": (in_no_time, to("here"))}),
            State("over", final=True),
        ],
        events=tuple(on),
    )
    telephone = make_telephone(chart=chart)
    with pytest.raises(BaseExceptionGroup) as failure:
        async with telephone:
            await telephone.until("over")
    circles = failure.value.split(AssertionError)[0]
    assert "goes round in a circle" in repr(circles)


async def test_a_telephone_without_a_verb_makes_no_call(telephone: Telephone) -> None:
    assert telephone.now == 0.0
    assert telephone.state == ""
    assert not telephone.steps
