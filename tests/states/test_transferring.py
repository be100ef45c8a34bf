"""The model hands the caller on."""

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
from tests.states.standing import SPOKEN, Standing, standing

TARGET = '{"target": "100"}'


def transferring(**data: Any) -> Standing:
    return standing("transferring", reply=replace(SPOKEN, transfer_to="100"), **data)


def test_a_caller_who_was_handed_on_is_gone() -> None:
    assert transferring().on(CallTransferred()).state == "hangup"


@pytest.mark.parametrize(("apologies", "purpose"), [(0, "apology"), (2, "regret")])
def test_a_carrier_that_refuses_is_apologised_for_and_the_model_is_told(
    apologies: int, purpose: str
) -> None:
    after = transferring(apologies=apologies).on(TransferFailed("busy"))
    assert (after.state, after.purpose) == ("speaking.opening", purpose)
    assert after.data.history == (ToolUsed("transfer", TARGET, "Failed: busy."),)
    assert after.data.reply.transfer_to == ""


@pytest.mark.parametrize(("apologies", "purpose"), [(0, "apology"), (2, "regret")])
def test_a_carrier_that_does_not_answer_is_given_up(apologies: int, purpose: str) -> None:
    after = transferring(apologies=apologies).due("transfer_wait")
    assert (after.seconds, after.state, after.purpose) == (5.0, "speaking.opening", purpose)
    (used,) = after.data.history
    assert used == ToolUsed("transfer", TARGET, "Failed: the carrier did not answer.")
    patient = transferring(settings=PhoneSettings(transfer_wait=9.0)).due("transfer_wait")
    assert patient.seconds == 9.0


def test_what_the_caller_says_meanwhile_is_kept() -> None:
    stands = transferring()
    assert stands.on(SpeechStarted(2)).outcome is Outcome.IGNORED
    after = stands.on(PartialHeard(2, "thank"), SpeechEnded(2), FinalHeard(2, "thank you"))
    assert (after.state, after.data.question) == ("transferring", ("thank you",))
    ended = after.on(CallTransferred())
    assert ended.data.said[-1].text == "thank you"
