"""The recognizer's results come late, in pieces or never: the caller gets one answer each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import trio

from callchart.engine.data import Said, ToolUsed
from callchart.engine.events import FinalHeard, PartialHeard, SpeechEnded
from callchart.engine.ports import Tools
from callchart.engine.testing import FakeModel, Spoken, Use
from callchart.engine.testing.questions import entered, events, times
from callchart.engine.testing.story import Story
from callchart.engine.tools.tool import tool
from tests.races.questions import (
    answers,
    caller,
    heard_after_interruption,
    heard_after_next_reply,
    is_answered,
    wrong_answers,
)

pytestmark = pytest.mark.unmeasured


async def test_08_two_finals_of_one_utterance_have_one_answer(story: Story) -> None:
    call = story.telephone
    # The second final comes at the end of the turn, and then during the answer.
    first, second = story.around(0.1), story.around(0.6)
    finals = ((first, "I would like"), (first + second, "a hammer"))
    story.caller_says(Spoken("", finals=finals), at=3.0, until=4.0)
    story.caller_makes_noise(at=7.5)
    await story.happens(until=12.0)
    assert len(answers(call)) == 1
    assert caller(call) in (["I would like a hammer"], ["I would like"])


async def test_09_a_turn_with_partials_only_ends(story: Story) -> None:
    call = story.telephone
    partials = ((0.3, "I would"), (0.6, "I would like a hammer"))
    story.caller_says(Spoken("", partials=partials, finals=()), at=3.0, until=4.0)
    story.caller_makes_noise(at=6.7)  # as the wait for the words ends
    await story.happens(until=14.0)
    if not events(call.steps, PartialHeard):  # too short for a partial
        assert call.scripts.apology in [heard.text for heard in call.heard]
        return
    assert len(answers(call)) == 1
    assert caller(call)[0].startswith("I would")
    (ended, *_), (thought, *_) = times(call.steps, SpeechEnded), entered(call.steps, "thinking")
    # Each of the two utterances may extend the turn.
    assert thought - ended <= 2 * (call.settings.end_of_turn + call.settings.words_wait) + 0.7


async def test_13_a_slow_model_is_heard_and_a_caller_who_asks_hello_is_answered(
    story: Story,
) -> None:
    call = story.telephone
    words = "so the thing about nails is that they come in many sizes"
    call.agent_will_say(words, by_word=True, pace=0.4)
    call.agent_will_say(words, by_word=True, pace=0.4)
    story.caller_says("Do you have nails?", at=3.0, until=4.0)
    story.caller_says("Hello?", at=5.6, until=6.2)
    await story.happens(until=16.0)
    assert is_answered(call)
    assert call.scripts.apology not in [heard.text for heard in call.heard]


class LateModel(FakeModel):
    """A model that still writes after its cancellation."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled: list[Callable[[str], None]] = []

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        try:
            await super().write(history, tools, out)
        except trio.Cancelled:
            self.cancelled.append(out)
            raise

    async def writes_more(self) -> None:
        """Write words after the cancellation, as a model does whose words were on their way."""
        for out in self.cancelled:
            out("This is of no use any more.|")


async def test_15_one_utterance_has_one_reply_and_a_superseded_one_is_never_heard(
    story: Story,
) -> None:
    call = story.telephone
    call.model = model = LateModel()
    call.agent_will_say("This is a first guess.|", latency=0.3, hangs=True)
    call.agent_will_say("These are nails and a hammer.|", latency=0.3)
    # The caller goes on at the end of the turn.
    story.caller_says("I would like nails", at=3.0, until=4.0)
    story.caller_says("and a hammer", at=4.72, until=5.4)
    for at in (5.5, 6.1, 7.0):
        story.event("the model's words come late", model.writes_more, at=at)
    await story.happens(until=12.0)
    assert not any("no use" in heard.text for heard in call.heard)
    assert not any("no use" in each.text for each in call.synthesizer.syntheses)
    assert heard_after_interruption(call, "and a hammer") == heard_after_next_reply(call) == []
    assert "and a hammer" in caller(call)[-1]


@pytest.mark.parametrize("drafts", [1, 3])
async def test_15_a_draft_that_more_words_supersede_is_never_heard(
    story: Story, drafts: int
) -> None:
    call = story.telephone
    call.settings = call.settings.of({"drafts": drafts})
    call.model.latency = story.around(0.3)
    first, second = story.around(0.1), story.around(0.3)
    finals = ((first, "I would like"), (first + second, "nails"))
    story.caller_says(Spoken("I would like nails", finals=finals), at=3.0, until=4.0)
    story.caller_says("and a hammer", at=6.6, until=7.2)
    story.caller_makes_noise(at=8.0)
    await story.happens(until=12.0)
    assert wrong_answers(call) == []
    assert is_answered(call)
    assert len(call.model.asked) <= 2 * (drafts + 1)


@pytest.mark.call(settings={"drafts": 2})
async def test_18_a_draft_uses_no_tool_before_it_is_certain(story: Story) -> None:
    booked: list[str] = []

    @tool
    async def book(what: str) -> str:
        """Put it aside."""
        booked.append(what)
        return "booked"

    call = story.telephone
    call.tools = [book]
    call.agent_will_say(Use("book", {"what": "a guess"}), "It is {result}.|")
    call.agent_will_say(Use("book", {"what": "both"}), "It is {result}.|")
    story.caller_says("Put nails aside", at=3.0, until=4.0)
    story.caller_says("and a hammer", at=4.5, until=5.2)
    await story.happens(until=12.0)
    assert len(booked) == len(call.tools_used)
    used = 0
    for item in call.steps[-1].data.history:
        used = used + 1 if isinstance(item, ToolUsed) else used * (item.who != "caller")
        assert used <= 1  # for any number of drafts


async def test_18_the_next_answer_knows_of_a_running_tool_and_requests_are_bounded(
    story: Story,
) -> None:
    async def book() -> str:
        """Put it aside."""
        await trio.sleep(2.5)
        return "booked"

    call = story.telephone
    call.tools = [tool(book, on_interruption="finish", seconds=4.0)]
    call.agent_will_say(Use("book"), "It is {result}.|")
    call.agent_will_say("It is being done.|")
    story.caller_says("Put it aside", at=3.0, until=4.0)
    story.caller_says("Is it done?", at=5.5, until=6.3)
    await story.happens(until=14.0)
    assert [used.result for used in call.tools_used] == ["booked"] * len(call.tools_used)
    used_by_then = 0
    for asked in call.model.asked:
        known = [item for item in asked.history if isinstance(item, ToolUsed)]
        assert len(known) == used_by_then
        used_by_then += sum(result is not None for result in asked.results)
        used_by_then = max(used_by_then, len(call.tools_used))
    heard = len(events(call.steps, FinalHeard)) + len(events(call.steps, PartialHeard))
    assert len(call.model.asked) <= heard
