"""Calls without failures and interruptions."""

from __future__ import annotations

import pytest

from callchart.engine.data import Said
from callchart.engine.events import PlaybackFinished, ReplyWritten, SoundQueued
from callchart.engine.testing import FakeLine, Manner, Telephone
from callchart.engine.testing.plugin import MakeTelephone
from callchart.engine.testing.questions import HeardReply, entered, events, first_sound_after, times

pytestmark = pytest.mark.schedules(3)

GREETING = "Hello, this is the shop. How can I help you?"


async def test_caller_asks_hears_the_answer_and_hangs_up(telephone: Telephone) -> None:
    telephone.agent_will_say("We are open from nine to five.|", "On Sunday we are closed.|")
    await telephone.until("listening")
    await telephone.caller_says("When are you open?")
    await telephone.expect(
        states=["greeting", "listening", "settling", "thinking", "speaking", "listening"],
        heard="We are open from nine to five. On Sunday we are closed.",
    )
    await telephone.caller_hangs_up()
    await telephone.until_the_end()
    assert telephone.history == (
        Said("agent", GREETING, reply=1),
        Said("caller", "When are you open?"),
        Said("agent", "We are open from nine to five. On Sunday we are closed.", reply=2),
    )
    assert telephone.heard == [
        HeardReply(1, GREETING),
        HeardReply(2, "We are open from nine to five. On Sunday we are closed."),
    ]


async def test_an_answer_begins_after_the_end_of_turn_and_the_latencies_of_the_providers(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("At nine.|", latency=0.5)
    telephone.synthesizer.will("At nine", Manner(latency=0.2))
    await telephone.caller_says("When do you open?", at=4.0, until=5.0)
    await telephone.until("speaking")
    await telephone.until("listening")
    # The detector finds the end a frame later; 0.4 s of silence end a question.
    assert entered(telephone.steps, "thinking") == [pytest.approx(5.42)]
    assert first_sound_after(telephone.recording, 5.0) == pytest.approx(6.12, abs=0.021)


async def test_the_model_gets_the_whole_history_with_each_question(
    telephone: Telephone,
) -> None:
    for question in ("What is it?", "And what does it cost?", "Is it in stock?"):
        await telephone.until("listening")
        await telephone.caller_says(question)
        await telephone.until("speaking")
    await telephone.until("listening")
    first, second, third = (asked.history for asked in telephone.model.asked)
    assert second[: len(first)] == first
    assert third[: len(second)] == second
    assert [said.text for said in third if isinstance(said, Said)] == [
        GREETING,
        "What is it?",
        "You said: What is it?.",
        "And what does it cost?",
        "You said: And what does it cost?.",
        "Is it in stock?",
    ]


async def test_the_model_says_goodbye_and_ends_the_call(telephone: Telephone) -> None:
    telephone.agent_will_say("You are welcome.|", "Goodbye!|", ends_call=True)
    await telephone.caller_says("Thank you, that is all", at=3.0)
    await telephone.until_the_end()
    telephone.expect(
        states=[..., "thinking", "speaking", "hangup", "ended"],
        heard="You are welcome. Goodbye!",
        stale_frames=0,
    )


async def test_the_agent_says_goodbye_when_the_model_ends_the_call_without_a_word(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say(ends_call=True)
    await telephone.caller_says("Goodbye", at=3.0)
    await telephone.until_the_end()
    telephone.expect(
        states=[..., "thinking", "speaking", "hangup", "ended"],
        heard="Thank you for calling. Goodbye.",
    )


async def test_the_agent_says_goodbye_when_the_model_ends_the_call_late_without_a_word(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say(ends_call=True, latency=2.5)
    await telephone.caller_says("Goodbye", at=3.0)
    await telephone.until_the_end()
    telephone.expect(
        states=[..., "thinking", "speaking", "hangup", "ended"],
        heard="One moment, please. Thank you for calling. Goodbye.",
    )


async def test_a_reply_is_written_once_and_finished_once(telephone: Telephone) -> None:
    await telephone.caller_says("Hello?", at=3.0)
    await telephone.until("speaking")
    await telephone.until("listening")
    assert [event.reply for event in events(telephone.steps, ReplyWritten)] == [1, 2]
    assert [event.reply for event in events(telephone.steps, PlaybackFinished)] == [1, 2]


async def test_a_line_of_frames_and_a_line_of_spans_give_the_same_call(
    make_telephone: MakeTelephone,
) -> None:
    courses = []
    for frames in (False, True):
        async with make_telephone(line=FakeLine(frames=frames)) as telephone:
            telephone.agent_will_say("We are open from nine to five.|", latency=0.3)
            await telephone.caller_says("When are you open?", at=3.0, until=4.1)
            await telephone.caller_says("I mean on Sunday", at=6.0, until=7.3)
            await telephone.until("speaking")
            await telephone.until("listening")
            # A chunk is complete with its last sound, or after it.
            steps = [s for s in telephone.steps if not isinstance(s.event, SoundQueued)]
            courses.append([(step.at_us, type(step.event), step.after.leaf) for step in steps])
    assert courses[0] == courses[1]


async def test_sound_is_heard_in_order_when_the_second_chunk_is_ready_first(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("This comes first.|", "This comes second.|")
    telephone.synthesizer.will("first", Manner(latency=1.5))
    await telephone.caller_says("In which order?", at=3.0)
    await telephone.until("speaking")
    await telephone.until("listening")
    first, second = telephone.synthesizer.syntheses[-2:]
    assert second.ended is not None
    assert first.ended is not None
    assert second.ended < first.ended
    telephone.expect(states=[...], heard="This comes first. This comes second.", stale_frames=0)


@pytest.mark.call(settings={"parallel_synthesis": 2})
async def test_parallel_synthesis_limits_the_chunks_in_synthesis(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say(*[f"This is sentence {n}.|" for n in range(1, 8)])
    telephone.synthesizer.manner = Manner(latency=0.4)
    await telephone.caller_says("Tell me a lot", at=3.5)
    # All scripts were synthesised in parallel, before the call.
    telephone.synthesizer.most_under_way = 0
    await telephone.until("speaking")
    await telephone.until("listening")
    assert telephone.synthesizer.most_under_way == 2
    assert telephone.heard[-1].text == " ".join(f"This is sentence {n}." for n in range(1, 8))


async def test_sound_that_arrives_more_slowly_than_it_plays_is_heard_whole(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("This is spoken by somebody who is rather slow today.|")
    telephone.synthesizer.will("slow", Manner(latency=0.1, piece=0.25, pace=0.6))
    await telephone.caller_says("How are you?", at=3.0)
    await telephone.until("speaking")
    await telephone.until("listening")
    telephone.expect(
        states=[..., "speaking", "listening"],
        heard="This is spoken by somebody who is rather slow today.",
    )


async def test_the_caller_may_pause_in_the_middle_of_a_sentence(telephone: Telephone) -> None:
    await telephone.caller_says("I would like", at=3.0, until=4.0)
    await telephone.caller_says("a hammer", at=4.5, until=5.2)
    await telephone.until("speaking")
    assert len(telephone.model.asked) == 1
    assert telephone.history[-1] == Said("caller", "I would like a hammer")
    assert times(telephone.steps, ReplyWritten)[1] == pytest.approx(5.92)
