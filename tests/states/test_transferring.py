"""The model transfers the caller."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import ToolUsed
from callchart.engine.events import (
    CallTransferred,
    FinalHeard,
    PartialHeard,
    SpeechEnded,
    SpeechStarted,
    TransferFailed,
)
from callchart.states.settings import PhoneSettings
from tests.states.situations import SPOKEN, CallInState, call_in

TARGET = '{"target": "100"}'


def transferring(**data: Any) -> CallInState:
    return call_in("transferring", reply=replace(SPOKEN, transfer_to="100"), **data)


def test_a_transfer_ends_the_call() -> None:
    assert transferring().on(CallTransferred()).state == "hangup"


@pytest.mark.parametrize(("apologies", "purpose"), [(0, "apology"), (2, "regret")])
def test_the_agent_apologises_for_a_refused_transfer_and_the_model_knows_it(
    apologies: int, purpose: str
) -> None:
    after = transferring(apologies=apologies).on(TransferFailed("busy"))
    assert (after.state, after.purpose) == ("speaking.opening", purpose)
    assert after.data.history == (ToolUsed("transfer", TARGET, "Failed: busy."),)
    assert after.data.reply.transfer_to == ""


@pytest.mark.parametrize(("apologies", "purpose"), [(0, "apology"), (2, "regret")])
def test_a_transfer_without_an_answer_times_out(apologies: int, purpose: str) -> None:
    after = transferring(apologies=apologies).due("transfer_wait")
    assert (after.seconds, after.state, after.purpose) == (5.0, "speaking.opening", purpose)
    (used,) = after.data.history
    assert used == ToolUsed("transfer", TARGET, "Failed: the carrier did not answer.")
    patient = transferring(settings=PhoneSettings(transfer_wait=9.0)).due("transfer_wait")
    assert patient.seconds == 9.0


def test_words_during_a_transfer_are_kept() -> None:
    call = transferring()
    assert call.on(SpeechStarted(2)).outcome is Outcome.IGNORED
    after = call.on(PartialHeard(2, "thank"), SpeechEnded(2), FinalHeard(2, "thank you"))
    assert (after.state, after.data.question) == ("transferring", ("thank you",))
    ended = after.on(CallTransferred())
    assert ended.data.said[-1].text == "thank you"
