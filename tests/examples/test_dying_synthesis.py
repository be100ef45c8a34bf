"""An example of docs/testing.md: a provider that dies."""

import pytest

from callchart.testing import Manner, Telephone, longest_silence


@pytest.mark.schedules(5)
async def test_synthesis_dies_and_the_caller_hears_an_apology(telephone: Telephone) -> None:
    telephone.agent_will_say("We open at nine.|", "We close at five.|", latency=0.5)
    telephone.synthesizer.will("five", Manner(latency=0.2, fails=0.0))
    await telephone.caller_says("When are you open?", at=3.0, until=4.0)
    await telephone.expect(
        states=[..., "thinking", "speaking", "listening"],
        heard="I am sorry, something went wrong. Please say that again.",
    )
    assert [heard.text for heard in telephone.heard[1:]] == [
        "We open at nine.",
        "I am sorry, something went wrong. Please say that again.",
    ]
    assert longest_silence(telephone.recording, since=5.5, until=telephone.now) < 0.1
