"""Calls of the chart in docs/charts.md, "A state with memory"."""

from __future__ import annotations

import pytest

from callchart import PHONE_CALL
from callchart.testing import Spoken, Telephone
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


async def test_words_without_a_final_are_kept_when_the_message_begins(
    telephone: Telephone,
) -> None:
    late_final = Spoken("May I leave a message?", finals=((1.0, "May I leave a message?"),))
    await telephone.caller_says(late_final, at=3.0, until=4.0)
    await telephone.caller_says(
        Spoken("I am Ada", partials=((0.2, "I am Ada"),), finals=()), at=4.2, until=4.6
    )
    await telephone.until("taking")
    assert telephone.history[-2].text == "May I leave a message? I am Ada"


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
