"""The call ends."""

from __future__ import annotations

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import ToolUsed
from callchart.engine.events import (
    CallerHungUp,
    Event,
    HangUpRequested,
    LineClosed,
    ToolFinished,
    ToolUnderWay,
)
from callchart.states import CHART
from callchart.states.data import RunningTool
from callchart.states.settings import PhoneSettings
from tests.states.standing import standing


def test_the_call_is_over_when_the_line_is_closed() -> None:
    after = standing("hangup").on(LineClosed())
    assert after.state == "ended"
    assert CHART.is_final("ended")


@pytest.mark.parametrize("event", [CallerHungUp(), HangUpRequested("drain")])
def test_who_else_hangs_up_makes_no_difference(event: Event) -> None:
    stands = standing("hangup")
    after = stands.on(event, after=0.5)
    assert (after.outcome, after.configuration) == (Outcome.IGNORED, stands.configuration)


def test_a_line_that_does_not_close_is_let_go() -> None:
    after = standing("hangup").due("hangup_wait")
    assert (after.seconds, after.state) == (2.0, "ended")
    patient = PhoneSettings(hangup_wait=5.0)
    assert standing("hangup", settings=patient).due("hangup_wait").seconds == 5.0


def test_a_line_that_was_closed_before_is_not_waited_for() -> None:
    assert standing("hangup", line_closed=True).due("hangup_wait").seconds == 0.0


def test_what_must_be_done_to_its_end_is_waited_for() -> None:
    stands = standing("hangup").on(ToolUnderWay(1, "book", "{}", 4.0), after=0.5)
    assert stands.remaining("hangup_wait") == 4.0 + 2.0
    closed = stands.on(LineClosed(), after=0.5)
    assert (closed.state, closed.remaining("hangup_wait")) == ("hangup", 3.5 + 2.0)
    done = closed.on(ToolFinished(1, "book", "{}", "booked"), after=0.5)
    assert done.data.history == (ToolUsed("book", "{}", "booked", 1),)
    after = done.due("hangup_wait")
    assert (after.seconds, after.state) == (1.5, "ended")


def test_when_all_is_done_only_the_line_is_waited_for() -> None:
    stands = standing(
        "hangup", running_tools=(RunningTool(1, 5_000_000), RunningTool(2, 4_000_000))
    )
    one = stands.on(ToolFinished(1, "book", "{}", "booked"), after=0.5)
    assert one.remaining("hangup_wait") == 3.5 + 2.0
    both = one.on(ToolFinished(2, "book", "{}", "booked"))
    assert both.remaining("hangup_wait") == 2.0
    assert both.on(LineClosed()).state == "ended"


def test_a_tool_that_does_not_keep_to_its_time_limit_is_let_go() -> None:
    stands = standing("hangup", line_closed=True, running_tools=(RunningTool(1, 5_000_000),))
    after = stands.due("hangup_wait")
    assert (after.seconds, after.state) == (7.0, "ended")


@pytest.mark.parametrize("event", [LineClosed(), CallerHungUp(), HangUpRequested("drain")])
def test_nothing_happens_any_more(event: Event) -> None:
    stands = standing("ended")
    after = stands.on(event)
    assert (after.outcome, after.configuration) == (Outcome.STALE, stands.configuration)
