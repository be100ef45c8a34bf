"""The call ends in bounded time, once, and leaves no task, at any moment and from any side."""

from __future__ import annotations

import math

import pytest
import trio

from callchart.engine.events import CallerHungUp, HangUpRequested, LineClosed, SpeechEnded
from callchart.engine.testing import Manner, Use
from callchart.engine.testing.questions import (
    entered,
    events,
    longest_silence,
    playing_stays,
    times,
)
from callchart.engine.testing.story import Story
from callchart.engine.tools.tool import tool
from tests.races.questions import answers, caller

pytestmark = pytest.mark.unmeasured


async def test_10_the_goodbye_is_heard_whole_and_the_call_ends_in_bounded_time(
    story: Story,
) -> None:
    call = story.telephone
    call.line.closing = math.inf  # the line never reports `Closed`
    call.agent_will_say("This is the answer, and it takes a while to say all of it.|")
    story.caller_says("Tell me", at=3.0, until=4.0)
    story.operator_hangs_up(at=5.0)
    story.caller_says("Wait, I have a question", at=5.5, until=6.6)
    await story.happens()
    assert call.heard[-1].text == call.scripts.farewell
    (requested,) = times(call.steps, HangUpRequested)
    goodbye = len(call.scripts.farewell) / 20
    assert call.now < requested + goodbye + call.settings.hangup_wait + 0.1


async def test_11_no_task_is_left_whenever_the_caller_hangs_up(story: Story) -> None:
    booked: list[str] = []

    async def book() -> str:
        """Put it aside."""
        await trio.sleep(1.0)
        booked.append("a hammer")
        return "booked"

    call = story.telephone
    call.tools = [tool(book, on_interruption="finish", seconds=3.0)]
    call.agent_will_say("I will book it.|", Use("book"), "It is {result}.|", latency=0.2)
    call.synthesizer.will("book it", Manner(latency=0.3, piece=0.2, pace=0.1))
    story.caller_says("Put it aside", at=3.0, until=4.0)
    story.caller_hangs_up(at=5.2)
    await story.happens()
    # An invariant checks that no task is left. This checks that each begun booking was finished.
    assert len(booked) == len(call.tools_used) == len(entered(call.steps, "hangup")) or not booked
    assert [used.result for used in call.tools_used] == ["booked"] * len(booked)


async def test_12_the_call_ends_once_when_both_sides_and_the_operator_hang_up_together(
    story: Story,
) -> None:
    call = story.telephone
    call.line.closing = 0.1
    call.agent_will_say("Goodbye!|", ends_call=True)
    story.caller_says("That was all", at=3.0, until=4.0)
    # At the end of the goodbye: 4.72 + 0.4 s.
    story.caller_hangs_up(at=5.12)
    story.operator_hangs_up(at=5.12)
    await story.happens()
    assert len(entered(call.steps, "hangup")) == 1
    assert len(events(call.steps, LineClosed)) == 1
    assert len(events(call.steps, CallerHungUp)) <= 1
    assert call.now < 7.0


async def test_14_lost_marks_do_not_block_the_call(story: Story) -> None:
    async def loses() -> None:
        call.line.confirms_marks = False
        # The engine estimates the heard words from now on, as it does without word timings.
        call.synthesizer.tells_words = False

    call = story.telephone
    call.agent_will_say("This is the answer.|", "And this is the rest of it.|")
    story.caller_says("Tell me", at=3.0, until=4.0)
    story.event("marks are lost", loses, at=5.0)
    story.caller_says("Hello?", at=7.0, until=7.6)
    await story.happens()
    margin = call.settings.playback_margin
    longest = max(len(text) for text in (call.scripts.greeting, call.scripts.apology)) / 20
    for stay in playing_stays(call.recording):
        assert stay.end - stay.begin <= longest + margin + 0.1
    assert longest_silence(call.recording, 0.0, call.now) <= call.settings.no_input + 0.1


async def test_14_a_speaking_state_without_sound_ends(story: Story) -> None:
    call = story.telephone
    call.agent_will_say("We open at nine.|", "We close at five.|", hangs=True)
    call.synthesizer.will("five", Manner(hangs=0.0))
    story.caller_says("When do you open?", at=3.0, until=4.0)
    story.caller_makes_noise(at=6.0)
    await story.happens(until=20.0)
    assert longest_silence(call.recording, 6.6, 9.0) <= 3.1
    assert call.scripts.apology in " ".join(heard.text for heard in call.heard)


async def test_21_noise_cuts_no_reply_and_silence_is_followed_by_a_question(story: Story) -> None:
    call = story.telephone
    call.agent_will_say("This is the answer, which is rather long, and then it ends.|")
    story.caller_says("Tell me", at=3.0, until=4.0)
    for at in (4.9, 5.9, 7.2, 9.0):
        story.caller_makes_noise(at=at, lasting=0.2)
    await story.happens()
    assert caller(call) == ["Tell me"]
    assert answers(call)[-1].text.endswith("and then it ends.")
    assert call.heard[-1].text == call.scripts.farewell
    silent = max(times(call.steps, SpeechEnded))
    assert longest_silence(call.recording, silent, call.now) <= call.settings.no_input + 0.1
