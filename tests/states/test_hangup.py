"""The state `hangup`."""

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
from tests.states.situations import call_in


def test_the_call_ends_when_the_line_closes() -> None:
    after = call_in("hangup").on(LineClosed())
    assert after.state == "ended"
    assert CHART.is_final("ended")


@pytest.mark.parametrize("event", [CallerHungUp(), HangUpRequested("drain")])
def test_a_second_hangup_changes_nothing(event: Event) -> None:
    call = call_in("hangup")
    after = call.on(event, after=0.5)
    assert (after.outcome, after.configuration) == (Outcome.IGNORED, call.configuration)


def test_the_call_ends_if_the_line_does_not_close() -> None:
    after = call_in("hangup").due("hangup_wait")
    assert (after.seconds, after.state) == (2.0, "ended")
    patient = PhoneSettings(hangup_wait=5.0)
    assert call_in("hangup", settings=patient).due("hangup_wait").seconds == 5.0


def test_the_call_does_not_wait_for_a_line_that_is_already_closed() -> None:
    assert call_in("hangup", line_closed=True).due("hangup_wait").seconds == 0.0


def test_hangup_waits_for_running_tools() -> None:
    call = call_in("hangup").on(ToolUnderWay(1, "book", "{}", 4.0), after=0.5)
    assert call.remaining("hangup_wait") == 4.0 + 2.0
    closed = call.on(LineClosed(), after=0.5)
    assert (closed.state, closed.remaining("hangup_wait")) == ("hangup", 3.5 + 2.0)
    done = closed.on(ToolFinished(1, "book", "{}", "booked"), after=0.5)
    assert done.data.history == (ToolUsed("book", "{}", "booked", 1),)
    after = done.due("hangup_wait")
    assert (after.seconds, after.state) == (1.5, "ended")


def test_hangup_waits_only_for_the_line_once_the_tools_finish() -> None:
    call = call_in("hangup", running_tools=(RunningTool(1, 5_000_000), RunningTool(2, 4_000_000)))
    one = call.on(ToolFinished(1, "book", "{}", "booked"), after=0.5)
    assert one.remaining("hangup_wait") == 3.5 + 2.0
    both = one.on(ToolFinished(2, "book", "{}", "booked"))
    assert both.remaining("hangup_wait") == 2.0
    assert both.on(LineClosed()).state == "ended"


def test_hangup_does_not_wait_beyond_a_tools_time_limit() -> None:
    call = call_in("hangup", line_closed=True, running_tools=(RunningTool(1, 5_000_000),))
    after = call.due("hangup_wait")
    assert (after.seconds, after.state) == (7.0, "ended")


@pytest.mark.parametrize("event", [LineClosed(), CallerHungUp(), HangUpRequested("drain")])
def test_each_event_after_the_end_is_stale(event: Event) -> None:
    call = call_in("ended")
    after = call.on(event)
    assert (after.outcome, after.configuration) == (Outcome.STALE, call.configuration)
