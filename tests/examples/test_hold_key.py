"""Calls of the chart with a hold key."""

from __future__ import annotations

import pytest

from callchart.testing import Telephone
from tests.examples.hold_key import CHART

pytestmark = pytest.mark.call(chart=CHART)


async def test_star_makes_the_agent_wait_and_star_again_listens(telephone: Telephone) -> None:
    await telephone.until("listening")
    await telephone.caller_presses("*", at=4.0)
    await telephone.until(30.0)
    assert telephone.state == "call.on_hold"
    await telephone.caller_presses("*", at=31.0)
    telephone.expect(states=["greeting", "listening", "on_hold", "listening"])


async def test_a_hold_ends_after_a_minute(telephone: Telephone) -> None:
    await telephone.until("listening")
    await telephone.caller_presses("*", at=4.0)
    await telephone.until("on_hold")
    await telephone.until("listening", within=61.0)
    assert telephone.now == pytest.approx(64.0)
