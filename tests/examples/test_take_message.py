"""Calls of the chart of "write a state"."""

from __future__ import annotations

import pytest

from callchart.engine.testing import Telephone
from callchart.states import CHART as PHONE_CALL
from tests.examples.take_message import CHART

pytestmark = pytest.mark.call(chart=CHART)


async def test_a_caller_who_asks_leaves_a_message_and_is_thanked(telephone: Telephone) -> None:
    await telephone.until("listening")
    await telephone.caller_says("May I leave a message?")
    await telephone.until("taking")
    await telephone.caller_says("Call me back on Monday.")
    await telephone.caller_says("It is about the press.", at=telephone.now + 2.0)
    await telephone.until_the_end()
    assert telephone.steps[-1].data.message == "Call me back on Monday. It is about the press."
    assert telephone.heard[-1].text == "Thank you, we will call back."
    assert [said.text for said in telephone.history if said.who == "caller"] == [
        "May I leave a message?",
        "Call me back on Monday. It is about the press.",
    ]
    telephone.expect(states=["greeting", ..., "take_message", "speaking", "hangup", "ended"])


async def test_other_callers_are_answered_as_usual(telephone: Telephone) -> None:
    telephone.agent_will_say("From nine to five.")
    await telephone.until("listening")
    await telephone.caller_says("When are you open?")
    await telephone.until("speaking")
    await telephone.until("listening")
    assert telephone.heard[-1].text == "From nine to five."


def test_the_default_chart_stays_as_it_is() -> None:
    assert len(CHART.leaves) == len(PHONE_CALL.leaves) + 2
    assert CHART.hash != PHONE_CALL.hash
