"""Calls of a chart that transfers its caller."""

from __future__ import annotations

import pytest

from callchart.testing import Telephone
from tests.examples.operator import CHART

pytestmark = pytest.mark.call(chart=CHART)


async def test_a_caller_who_presses_0_is_transferred(telephone: Telephone) -> None:
    telephone.line.transfers = {"100"}
    await telephone.caller_presses("50", at=1.0)
    await telephone.until_the_end()
    assert telephone.line.transferred == "100"
    telephone.expect(states=["greeting", "handing_on", "hangup", "ended"], stale_frames=0)


async def test_a_failed_transfer_is_reported_to_the_caller(telephone: Telephone) -> None:
    await telephone.caller_presses("0", at=1.0)
    await telephone.until("speaking")
    await telephone.until("listening")
    assert telephone.heard[-1].text == "Nobody is free just now. What can I do for you?"
    telephone.expect(states=["greeting", "handing_on", "speaking", "listening"])
