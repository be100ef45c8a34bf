"""The call ends."""

from __future__ import annotations

import pytest

from engine.chart import Outcome
from engine.events import CallerHungUp, Event, HangUpRequested, LineClosed
from engine.settings import Settings
from states import CHART
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
    patient = Settings(hangup_wait=5.0)
    assert standing("hangup", settings=patient).due("hangup_wait").seconds == 5.0


def test_a_line_that_was_closed_before_is_not_waited_for() -> None:
    assert standing("hangup", line_closed=True).due("hangup_wait").seconds == 0.0


@pytest.mark.parametrize("event", [LineClosed(), CallerHungUp(), HangUpRequested("drain")])
def test_nothing_happens_any_more(event: Event) -> None:
    stands = standing("ended")
    after = stands.on(event)
    assert (after.outcome, after.configuration) == (Outcome.STALE, stands.configuration)
