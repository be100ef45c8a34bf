"""The whole conversation: what ends it, from wherever it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import Said, ToolUsed
from callchart.engine.effects import HangUpLine, StartReply
from callchart.engine.events import (
    CallerHungUp,
    CallTransferred,
    DigitReceived,
    Event,
    HangUpRequested,
    HearingFailed,
    LineClosed,
    PlaybackStopped,
    ToolFinished,
    ToolUnderWay,
    TransferFailed,
)
from callchart.states import CHART
from callchart.states.settings import PhoneSettings
from tests.states.standing import FAREWELL, WELL_NOW, Standing, standing

#: Every leaf in which the parties talk.
LEAVES = tuple(leaf for leaf in CHART.leaves if leaf.startswith("call."))
BROKEN = HearingFailed("recogniser", "the connection broke")


def calls(leaf: str) -> Standing:
    """In `leaf`, with a filler for those in which one is heard."""
    return standing(leaf, filler=0, fillers=(WELL_NOW,))


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_caller_who_hangs_up_is_gone_at_once(leaf: str) -> None:
    after = calls(leaf).on(CallerHungUp())
    assert (after.state, after.effects[-1]) == ("hangup", HangUpLine())
    assert not after.data.line_closed
    assert after.remaining("hangup_wait") == 2.0


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_line_that_is_gone_is_not_waited_for(leaf: str) -> None:
    after = calls(leaf).on(LineClosed())
    assert (after.state, after.data.line_closed) == ("hangup", True)
    assert after.remaining("hangup_wait") == 0.0


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize(
    ("event", "purpose"), [(HangUpRequested("drain"), "farewell"), (BROKEN, "regret")]
)
def test_an_end_that_is_asked_for_or_forced_is_said(leaf: str, event: Event, purpose: str) -> None:
    after = calls(leaf).on(event)
    assert (after.state, after.purpose) == ("speaking.opening", purpose)
    assert after.effects[-1] == StartReply(after.data.reply)


@pytest.mark.parametrize("event", [HangUpRequested("drain"), BROKEN])
def test_a_goodbye_that_is_being_said_is_not_said_again(event: Event) -> None:
    stands = standing("speaking.chunks", reply=FAREWELL)
    after = stands.on(event)
    assert (after.outcome, after.configuration) == (Outcome.IGNORED, stands.configuration)


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_key_that_nothing_waits_for_changes_nothing(leaf: str) -> None:
    stands = calls(leaf)
    after = stands.on(DigitReceived("5"))
    assert (after.outcome, after.configuration) == (Outcome.IGNORED, stands.configuration)


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_caller_who_was_handed_on_is_ours_no_more(leaf: str) -> None:
    assert calls(leaf).on(CallTransferred()).state == "hangup"


@pytest.mark.parametrize("leaf", [leaf for leaf in LEAVES if "transferring" not in leaf])
def test_a_transfer_that_was_given_up_may_fail_later_and_changes_nothing(leaf: str) -> None:
    stands = calls(leaf)
    after = stands.on(TransferFailed("did not answer"))
    assert (after.outcome, after.configuration) == (Outcome.IGNORED, stands.configuration)


@pytest.mark.parametrize("leaf", [*LEAVES, "hangup"])
def test_what_a_tool_has_done_is_written_down_wherever_the_call_stands(leaf: str) -> None:
    stands = calls(leaf)
    begun = stands.on(ToolUnderWay(1, "book", "{}", 4.0))
    assert (begun.outcome, begun.state) == (Outcome.STAYED, stands.state)
    after = begun.on(ToolFinished(1, "book", "{}", "booked"))
    assert (after.outcome, after.state) == (Outcome.STAYED, stands.state)
    assert after.data == replace(stands.data, history=(ToolUsed("book", "{}", "booked", 1),))


@pytest.mark.parametrize("event", [DigitReceived("5"), CallTransferred(), TransferFailed("busy")])
def test_a_call_that_ends_is_past_keys_and_transfers(event: Event) -> None:
    assert standing("hangup").on(event).outcome is Outcome.IGNORED


def test_the_longest_call_ends_with_a_goodbye() -> None:
    stands = standing("listening.waiting", settings=PhoneSettings(longest_call=5.0))
    after = stands.due("longest_call")
    assert (after.seconds, after.state, after.purpose) == (5.0, "speaking.opening", "farewell")
    assert after.effects == (StartReply(after.data.reply),)


def test_a_goodbye_outlasts_the_longest_call() -> None:
    short = PhoneSettings(longest_call=1.0)
    after = standing("speaking.chunks", settings=short, reply=FAREWELL).due("longest_call")
    assert (after.outcome, after.state) == (Outcome.IGNORED, "speaking.chunks")


@pytest.mark.parametrize("leaf", [*LEAVES, "hangup"])
def test_what_was_heard_is_written_down_wherever_the_call_stands(leaf: str) -> None:
    stands = calls(leaf)
    after = stands.on(PlaybackStopped(2, "We have"))
    assert (after.outcome, after.configuration) == (Outcome.STAYED, stands.configuration)
    assert after.data == replace(stands.data, history=(Said("agent", "We have", 2),))
