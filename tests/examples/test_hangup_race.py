"""An example of docs/testing.md: a race."""

from callchart.testing import Story


async def test_nothing_of_an_answer_is_heard_after_the_caller_hung_up(story: Story) -> None:
    call = story.telephone
    call.agent_will_say("We open at nine.|")
    story.caller_says("When do you open?", at=3.0, until=4.0)
    story.caller_hangs_up(at=4.72)  # as the answer begins
    await story.happens()
    assert call.steps[-1].after.leaf == "ended"
