"""An example of docs/testing.md: a tool that the model uses."""

from collections.abc import Callable

from callchart import tool
from callchart.testing import Telephone, Use


@tool
async def opening_hours(day: str) -> str:
    """Return when the shop is open."""
    return "from nine to four"


async def test_the_answer_contains_the_result_of_the_tool(
    make_telephone: Callable[..., Telephone],
) -> None:
    async with make_telephone(tools=[opening_hours]) as telephone:
        telephone.agent_will_say(
            "I will look.|", Use("opening_hours", {"day": "Saturday"}), "{result}.|"
        )
        await telephone.caller_says("Are you open on Saturday?", at=3.0)
        await telephone.expect(
            states=[..., "thinking", "speaking", "listening"],
            heard="I will look. from nine to four.",
        )
        assert [used.result for used in telephone.tools_used] == ["from nine to four"]
