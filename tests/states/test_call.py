"""The state `call`: events that end it or change nothing, in each of its states."""

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
from tests.states.situations import FAREWELL, WELL_NOW, CallInState, call_in

#: The leaves of the conversation, without `hangup` and `ended`.
LEAVES = tuple(leaf for leaf in CHART.leaves if leaf.startswith("call."))
BROKEN = HearingFailed("recogniser", "the connection broke")


def calls(leaf: str) -> CallInState:
    """Return a call in `leaf`, with a filler for the states that play one."""
    return call_in(leaf, filler=0, fillers=(WELL_NOW,))


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_callers_hangup_leads_to_hangup_immediately(leaf: str) -> None:
    after = calls(leaf).on(CallerHungUp())
    assert (after.state, after.effects[-1]) == ("hangup", HangUpLine())
    assert not after.data.line_closed
    assert after.remaining("hangup_wait") == 2.0


@pytest.mark.parametrize("leaf", LEAVES)
def test_hangup_does_not_wait_for_a_closed_line(leaf: str) -> None:
    after = calls(leaf).on(LineClosed())
    assert (after.state, after.data.line_closed) == ("hangup", True)
    assert after.remaining("hangup_wait") == 0.0


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize(
    ("event", "purpose"), [(HangUpRequested("drain"), "farewell"), (BROKEN, "regret")]
)
def test_the_agent_says_last_words_before_a_requested_or_forced_end(
    leaf: str, event: Event, purpose: str
) -> None:
    after = calls(leaf).on(event)
    assert (after.state, after.purpose) == ("speaking.opening", purpose)
    assert after.effects[-1] == StartReply(after.data.reply)


@pytest.mark.parametrize("event", [HangUpRequested("drain"), BROKEN])
def test_a_goodbye_that_plays_is_not_begun_again(event: Event) -> None:
    call = call_in("speaking.chunks", reply=FAREWELL)
    after = call.on(event)
    assert (after.outcome, after.configuration) == (Outcome.IGNORED, call.configuration)


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_key_that_no_state_waits_for_changes_nothing(leaf: str) -> None:
    call = calls(leaf)
    after = call.on(DigitReceived("5"))
    assert (after.outcome, after.configuration) == (Outcome.IGNORED, call.configuration)


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_transferred_call_leads_to_hangup(leaf: str) -> None:
    assert calls(leaf).on(CallTransferred()).state == "hangup"


@pytest.mark.parametrize("leaf", [leaf for leaf in LEAVES if "transferring" not in leaf])
def test_a_transfer_that_fails_after_its_timeout_changes_nothing(leaf: str) -> None:
    call = calls(leaf)
    after = call.on(TransferFailed("did not answer"))
    assert (after.outcome, after.configuration) == (Outcome.IGNORED, call.configuration)


@pytest.mark.parametrize("leaf", [*LEAVES, "hangup"])
def test_a_tools_result_enters_the_history_in_each_state(leaf: str) -> None:
    call = calls(leaf)
    begun = call.on(ToolUnderWay(1, "book", "{}", 4.0))
    assert (begun.outcome, begun.state) == (Outcome.STAYED, call.state)
    after = begun.on(ToolFinished(1, "book", "{}", "booked"))
    assert (after.outcome, after.state) == (Outcome.STAYED, call.state)
    assert after.data == replace(call.data, history=(ToolUsed("book", "{}", "booked", 1),))


@pytest.mark.parametrize("event", [DigitReceived("5"), CallTransferred(), TransferFailed("busy")])
def test_hangup_ignores_keys_and_transfers(event: Event) -> None:
    assert call_in("hangup").on(event).outcome is Outcome.IGNORED


def test_the_longest_call_ends_with_a_goodbye() -> None:
    call = call_in("listening.waiting", settings=PhoneSettings(longest_call=5.0))
    after = call.due("longest_call")
    assert (after.seconds, after.state, after.purpose) == (5.0, "speaking.opening", "farewell")
    assert after.effects == (StartReply(after.data.reply),)


def test_a_goodbye_outlasts_the_longest_call() -> None:
    short = PhoneSettings(longest_call=1.0)
    after = call_in("speaking.chunks", settings=short, reply=FAREWELL).due("longest_call")
    assert (after.outcome, after.state) == (Outcome.IGNORED, "speaking.chunks")


@pytest.mark.parametrize("leaf", [*LEAVES, "hangup"])
def test_heard_words_enter_the_history_in_each_state(leaf: str) -> None:
    call = calls(leaf)
    after = call.on(PlaybackStopped(2, "We have"))
    assert (after.outcome, after.configuration) == (Outcome.STAYED, call.configuration)
    assert after.data == replace(call.data, history=(Said("agent", "We have", 2),))
