"""An example of docs/testing.md: an interruption."""

from callchart.testing import Telephone


async def test_caller_interrupts_the_reply(telephone: Telephone) -> None:
    telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|", "It is in stock.|")
    await telephone.caller_says("Tell me about the REM-600", until=2.5)
    await telephone.caller_starts_speaking(at=4.0)
    telephone.expect(
        states=[..., "speaking", "barged_in", "listening"], heard="For metals up to", stale_frames=0
    )
