"""The caller interrupts the agent, during or before its reply, at the worst moment.

The numbers of the tests in this folder are those of docs/races.md. The invariants of every call
(`engine.testing.invariants`) are checked after each schedule: no stale frame, one reply at a
time, one end of each, and exactly the heard words in the history.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from callchart.engine.data import Said, Scripts
from callchart.engine.ports import Speech
from callchart.engine.testing import FakeSynthesizer, Manner, Spoken, Use
from callchart.engine.testing.questions import entered, longest_silence
from callchart.engine.testing.story import Story
from callchart.engine.tools.tool import tool
from tests.races.questions import (
    answers,
    caller,
    heard_after_interruption,
    heard_after_next_reply,
    heard_between,
    is_answered,
    stays_in,
)

pytestmark = pytest.mark.unmeasured

STOP = "Stop, I want something else"


async def test_01_a_reply_interrupted_before_its_first_sound_is_not_heard_later(
    story: Story,
) -> None:
    call = story.telephone
    call.agent_will_say("This is the old answer.|")
    call.synthesizer.will("old", Manner(latency=0.8))
    story.caller_says("Tell me", at=3.0, until=4.0)
    story.caller_says(STOP, at=5.2, until=6.2)
    await story.happens(until=14.0)
    assert heard_after_interruption(call, STOP) == []
    assert is_answered(call)


class LateSynthesizer(FakeSynthesizer):
    """A synthesizer that still sends audio after its cancellation."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled: list[Callable[[Speech], None]] = []

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        try:
            await super().synthesize(text, rate_hz, out)
        except trio.Cancelled:
            self.cancelled.append(out)
            out(Speech(b"\1\1" * rate_hz))
            raise

    async def sends_more(self) -> None:
        """Send audio after the cancellation, as a provider does whose audio was on its way."""
        for out in self.cancelled:
            out(Speech(b"\1\1" * 16000))


async def test_02_audio_that_comes_after_its_cancel_is_dropped(story: Story) -> None:
    call = story.telephone
    call.synthesizer = call.recording.synthesizer = voice = LateSynthesizer()
    call.agent_will_say("This is the first sentence.|", "And this is the second one.|")
    call.agent_will_say("This is the new answer.|")
    voice.will("second", Manner(latency=0.5, piece=0.1, pace=0.3))
    story.caller_says("Go on", at=3.0, until=3.6)
    story.caller_says(STOP, at=5.2, until=6.2)
    for at in (6.0, 6.95, 7.5):
        story.event("audio comes late", voice.sends_more, at=at)
    await story.happens(until=12.0)
    assert not any(b"\1\1" * 80 in played.pcm for played in call.line.played())
    assert heard_after_interruption(call, STOP) == []


async def test_03_silencing_a_reply_ends_its_writing(story: Story) -> None:
    call = story.telephone
    call.agent_will_say("And so on and on and on. " * 20, by_word=True, pace=0.2)
    story.caller_says("Go on", at=3.0, until=3.6)
    story.caller_says(STOP, at=6.0, until=7.4)
    await story.happens(until=9.0)
    left = [step.at_us / 1e6 for step in call.steps if "call.turn" in {a.state for a in step.exits}]
    for asked in call.model.asked:
        began = asked.began - call.recording.began
        assert asked.ended is not None
        ended = asked.ended - call.recording.began
        # Either its turn has ended, or the answer is complete.
        assert ended <= next(at for at in left if at >= began) + 1e-6


async def test_04_the_far_ends_buffer_is_flushed_as_the_caller_speaks(story: Story) -> None:
    call = story.telephone
    call.agent_will_say("This is a sentence that lasts for a while, and then some more.|")
    story.caller_says("Go on", at=3.0, until=3.6)
    story.caller_says(STOP, at=5.5, until=6.2)
    story.caller_makes_noise(at=8.6)
    await story.happens(until=12.0)
    for begin, end in stays_in(call, "barged_in"):
        assert heard_between(call, begin, end) == []


async def test_05_no_sentence_of_an_earlier_turn_is_heard_in_this_one(story: Story) -> None:
    call = story.telephone
    for turn in ("first", "second", "third"):
        call.agent_will_say(f"Of the {turn} turn.|", f"Also of the {turn} turn.|", pace=0.1)
    call.synthesizer.will("Also", Manner(latency=0.6))
    story.caller_says("One", at=3.0, until=3.5)
    story.caller_says("Two, please", at=4.8, until=5.4)
    story.caller_says("And three", at=6.6, until=7.2)
    await story.happens(until=14.0)
    assert heard_after_next_reply(call) == []
    for answer in answers(call):
        assert len({turn for turn in ("first", "second", "third") if turn in answer.text}) <= 1


async def test_06_heard_words_enter_the_history_before_their_interruption(
    story: Story,
) -> None:
    call = story.telephone
    call.agent_will_say("For metals up to 600 kN take the REM-600-A.|", "It is in stock.|")
    call.agent_will_say("It costs nine thousand.|")
    story.caller_says("Tell me about it", at=3.0, until=4.0)
    story.caller_says(STOP, at=5.5, until=6.5)
    await story.happens(until=12.0)
    for asked in call.model.asked:
        said = [item for item in asked.history if isinstance(item, Said)]
        assert said[-1].who == "caller"
        # A heard reply has one place, between its question and its interruption.
        spoken = [item.reply for item in said if item.reply is not None]
        assert spoken == sorted(set(spoken))
    first = next((heard.text for heard in answers(call) if heard.reply == 2), None)
    written = [said.text for said in call.history if said.reply == 2]
    if first is not None:
        # This tolerates a difference of one word; the invariants check the words exactly.
        assert written == [] or first.startswith(written[0]) or written[0].startswith(first)


async def test_07_speech_before_the_first_sound_does_not_block_a_call_with_a_running_tool(
    story: Story,
) -> None:
    @tool
    async def opening_hours() -> str:
        """When the shop is open."""
        await trio.sleep(1.5)
        return "from nine to four"

    call = story.telephone
    call.tools = [opening_hours]
    call.agent_will_say(Use("opening_hours"), "We are open {result}.|")
    call.agent_will_say(Use("opening_hours"), "As I said, {result}.|")
    story.caller_says("When are you open?", at=3.0, until=4.0)
    story.caller_says("Hello?", at=5.5, until=6.1)
    await story.happens(until=16.0)
    assert is_answered(call)
    assert longest_silence(call.recording, 6.6, 10.0) < 3.1


async def test_16_an_interruption_ends_one_reply_and_never_the_next(story: Story) -> None:
    call = story.telephone
    call.agent_will_say("This is a short answer.|")
    call.agent_will_say("This is what comes next.|")
    story.caller_says("Tell me", at=3.0, until=4.0)
    # At the end of the answer: 4.72 + 1.15 s.
    story.caller_says(STOP, at=5.85, until=6.9)
    await story.happens(until=14.0)
    if "Tell me" in caller(call):
        assert answers(call)[-1].text == "This is what comes next."
    assert heard_after_interruption(call, STOP) == []


async def test_17_a_reply_paused_by_a_noise_is_heard_whole(story: Story) -> None:
    call = story.telephone
    call.agent_will_say("This is the answer.|", "And this is the rest of it.|", latency=0.4)
    story.caller_says("Tell me", at=3.0, until=4.0)
    story.caller_makes_noise(at=5.1)  # when the first frame is under way
    story.caller_makes_noise(at=7.0)
    await story.happens(until=13.0)
    assert answers(call)[-1].text == "This is the answer. And this is the rest of it."
    assert len(answers(call)) == 1


async def test_17_a_backchannel_interrupts_nothing(story: Story) -> None:
    call = story.telephone
    text = "This is the answer, and it is a long one, in which a caller may well say something."
    call.agent_will_say(f"{text}|")
    story.caller_says("Tell me", at=3.0, until=4.0)
    story.caller_says("Uh-huh", at=5.8, lasting=0.4)
    story.caller_says(Spoken("Okay", partials=()), at=7.0, lasting=0.3)
    await story.happens(until=14.0)
    assert [answer.text for answer in answers(call)] == [text]
    assert caller(call) == ["Tell me"]


@pytest.mark.call(scripts=Scripts(fillers=("One moment, let me see what I can find for you.",)))
async def test_20_the_answer_cuts_off_a_filler_and_a_flush_cuts_off_no_other_reply(
    story: Story,
) -> None:
    call = story.telephone
    call.agent_will_say("We have it.|", "It is in the shop.|", latency=0.9, pace=0.1)
    call.agent_will_say("It costs nine.|", latency=0.9)
    call.synthesizer.will("shop", Manner(latency=story.around(0.2)))
    story.caller_says("Do you have it?", at=3.0, until=4.0)
    story.caller_says("What does it cost?", at=7.0, until=7.8)
    await story.happens(until=14.0)
    assert heard_after_interruption(call, "What does it cost?") == []
    for begin, end in stays_in(call, "filler_ending"):
        assert end - begin <= 0.15 + 1e-6
    for begin, end in stays_in(call, "speaking"):
        # No gap between two sentences whose sound was ready in time.
        assert longest_silence(call.recording, begin + FIRST_SOUND, end) < 0.1 + FIRST_SOUND
    assert entered(call.steps, "speaking")


#: Seconds from the entry of a speaking state to its first frame.
FIRST_SOUND = 0.02
