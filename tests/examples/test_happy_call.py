"""An example of docs/testing.md: a happy call."""

from callchart.testing import Telephone


async def test_caller_asks_and_hears_the_answer(telephone: Telephone) -> None:
    telephone.agent_will_say("We are open from nine to five.|", "On Sunday we are closed.|")
    await telephone.until("listening")
    await telephone.caller_says("When are you open?")
    await telephone.expect(
        states=["greeting", "listening", "settling", "thinking", "speaking", "listening"],
        heard="We are open from nine to five. On Sunday we are closed.",
    )
    assert [said.text for said in telephone.history] == [
        "Hello, this is the shop. How can I help you?",
        "When are you open?",
        "We are open from nine to five. On Sunday we are closed.",
    ]
