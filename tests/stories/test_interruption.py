"""The caller speaks while the agent thinks or speaks."""

from __future__ import annotations

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import Said, Scripts
from callchart.engine.events import SpeechStarted
from callchart.engine.testing import Manner, Spoken, Telephone
from callchart.engine.testing.questions import HeardReply, entered, outcomes, stale_frames

pytestmark = [pytest.mark.schedules(3), pytest.mark.unmeasured]

ONE_FILLER = Scripts(fillers=("Let me have a look at that,",))


async def test_words_without_a_final_before_the_reply_fell_silent_are_answered(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("For metals up to four millimetres of thickness, take this one.|")
    telephone.agent_will_say("Of course.|")
    await telephone.caller_says("What do you have?", at=3.0)
    await telephone.until("speaking.chunks")
    early = Spoken("", partials=((0.06, "I want nails"),), finals=())
    await telephone.caller_says(early, at=telephone.now + 0.1, until=telephone.now + 0.9)
    await telephone.until("listening.interrupted")
    await telephone.until("speaking")
    assert telephone.model.asked[-1].history[-1] == Said("caller", "I want nails")


async def test_caller_interrupts_the_reply(telephone: Telephone) -> None:
    telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|", "It is in stock.|")
    await telephone.caller_says("Tell me about the REM-600", until=2.5)
    await telephone.caller_starts_speaking(at=4.0)
    telephone.expect(
        states=[..., "speaking", "barged_in", "listening"],
        heard="For metals up to",
        stale_frames=0,
    )


async def test_the_model_gets_the_heard_words_marked_as_interrupted(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|", "It is in stock.|")
    telephone.agent_will_say("It costs nine thousand.|")
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_says("What does it cost?", at=5.5, until=6.5)
    await telephone.expect(
        states=[..., "speaking", "barged_in", "listening", "settling", "thinking", "speaking"]
    )
    await telephone.until("listening")
    assert telephone.model.asked[1].history[-3:] == (
        Said("caller", "Tell me about the REM-600"),
        Said("agent", "For metals up to", reply=2, interrupted=True),
        Said("caller", "What does it cost?"),
    )
    assert telephone.heard[-2:] == [
        HeardReply(2, "For metals up to"),
        HeardReply(3, "It costs nine thousand."),
    ]


@pytest.mark.parametrize("moment", [4.8, 5.15, 5.62, 6.2, 6.4, 6.63])
async def test_an_interrupted_reply_is_not_heard_after_its_interruption(
    telephone: Telephone, moment: float
) -> None:
    telephone.agent_will_say("This is the first sentence.|", "And this is the second one.|")
    telephone.synthesizer.will("sentence", Manner(piece=0.1, pace=0.05))
    await telephone.caller_says("Go on", at=3.0, until=3.5)
    await telephone.caller_says("Stop, stop, stop it", at=moment, lasting=1.5)
    await telephone.expect(states=[..., "speaking", "barged_in", "listening"], stale_frames=0)
    await telephone.until("speaking")
    await telephone.until("listening")
    assert stale_frames(telephone.recording) == 0
    assert telephone.history[-3].interrupted


async def test_a_backchannel_does_not_end_a_reply_whose_synthesis_is_barely_ahead(
    telephone: Telephone,
) -> None:
    text = "For metals up to six hundred kilonewton you take the large one and all of its grips."
    telephone.agent_will_say(text + "|")
    telephone.synthesizer.will("metals", Manner(piece=0.3, pace=0.2))
    await telephone.caller_says("Tell me about it", at=3.0, until=4.0)
    await telephone.until("speaking.chunks")
    await telephone.caller_says("uh-huh", at=telephone.now + 1.0, lasting=0.4)
    await telephone.until("barged_in")
    await telephone.until("listening.waiting")
    assert telephone.heard[-1] == HeardReply(2, text)


async def test_words_before_the_answer_join_the_question(telephone: Telephone) -> None:
    telephone.agent_will_say("This is not what you want to know.|", latency=2.0)
    telephone.agent_will_say("Nails and a hammer, then.|")
    await telephone.caller_says("I would like nails", at=3.0, until=4.0)
    await telephone.until("thinking")
    await telephone.caller_says("and also a hammer", at=5.5, until=6.5)
    await telephone.expect(
        states=[..., "thinking", "barged_in", "listening", "settling", "thinking", "speaking"],
    )
    await telephone.until("listening")
    assert telephone.heard[-1] == HeardReply(3, "Nails and a hammer, then.")
    assert telephone.history[-2] == Said("caller", "I would like nails and also a hammer")


@pytest.mark.call(scripts=ONE_FILLER)
async def test_words_during_the_filler_join_the_question(telephone: Telephone) -> None:
    telephone.agent_will_say("This is not what you want to know.|", latency=2.0)
    telephone.agent_will_say("Nails and a hammer, then.|")
    await telephone.caller_says("I would like nails", at=3.0, until=4.0)
    await telephone.until("filling")
    await telephone.caller_says("and also a hammer", at=5.3, until=6.5)
    await telephone.expect(
        states=[..., "filling", "barged_in", "listening", ..., "speaking"], stale_frames=0
    )
    await telephone.until("listening")
    assert telephone.heard[-1] == HeardReply(3, "Nails and a hammer, then.")


async def test_a_noise_pauses_the_reply_which_resumes_at_the_cut_word(
    telephone: Telephone,
) -> None:
    text = "For metals up to 600 kN take the REM-600-A. It is in stock."
    telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|", "It is in stock.|")
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_makes_noise(at=5.5)
    await telephone.expect(states=[..., "speaking", "barged_in", "speaking"], stale_frames=0)
    await telephone.until("listening")
    assert telephone.heard[-1] == HeardReply(2, text)
    assert telephone.history[-1] == Said("agent", text, reply=2)
    assert len(telephone.model.asked) == 1


async def test_a_noise_pauses_the_greeting(telephone: Telephone) -> None:
    await telephone.caller_makes_noise(at=1.0)
    await telephone.expect(states=["greeting", "barged_in", "greeting", "listening"])
    assert telephone.heard == [HeardReply(1, "Hello, this is the shop. How can I help you?")]


async def test_a_noise_before_the_answer_does_not_delay_it(telephone: Telephone) -> None:
    telephone.agent_will_say("Here it is.|", latency=1.6)
    await telephone.caller_says("Look where it is.", at=3.0, until=4.0)
    await telephone.caller_makes_noise(at=5.5)
    await telephone.expect(states=[..., "thinking", "barged_in", "thinking", "speaking"])
    # 0.7 s of silence end the turn, and the end was heard a frame after it.
    assert entered(telephone.steps, "speaking") == [pytest.approx(6.32)]


async def test_an_answer_that_is_ready_during_a_noise_is_heard_after_it(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("Here it is.|", latency=1.0)
    await telephone.caller_says("Look where it is.", at=3.0, until=4.0)
    await telephone.caller_makes_noise(at=5.5, lasting=0.5)
    await telephone.expect(states=[..., "thinking", "barged_in", "speaking"])
    await telephone.until("listening")
    assert telephone.heard[-1] == HeardReply(2, "Here it is.")


async def test_a_question_is_answered_again_after_a_long_noise_before_its_answer(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("We open at nine.|", latency=1.5)
    telephone.agent_will_say("We open at nine.|", latency=1.5)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.caller_makes_noise(at=5.0, lasting=1.4)
    await telephone.until(8.9)
    assert telephone.heard[-1] == HeardReply(3, "We open at nine.")


async def test_a_long_noise_takes_the_turn_and_ends_the_reply(telephone: Telephone) -> None:
    telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|")
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_makes_noise(at=5.5, lasting=1.4)
    await telephone.expect(
        states=[..., "speaking", "barged_in", "listening", "settling", "listening"],
        heard="For metals up to",
        stale_frames=0,
    )


async def test_speech_at_the_beginning_of_a_reply_interrupts_after_the_guard(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|")
    await telephone.caller_says("Tell me", at=3.0, until=4.0)
    await telephone.until("speaking.opening")
    await telephone.caller_says("about the REM-600", at=4.8, until=6.2)
    await telephone.expect(
        states=[..., "speaking.chunks", "speaking.overlapped", "barged_in", "listening"]
    )
    assert outcomes(telephone.steps, SpeechStarted)[1:] == [Outcome.DEFERRED, Outcome.TAKEN]


async def test_the_caller_does_not_interrupt_the_goodbye(telephone: Telephone) -> None:
    await telephone.operator_hangs_up(at=3.0)
    await telephone.caller_says("Wait, I have a question", at=3.8, lasting=1.5)
    await telephone.until_the_end()
    telephone.expect(
        states=[..., "speaking", "hangup", "ended"], heard="Thank you for calling. Goodbye."
    )


async def test_a_slow_recogniser_turns_a_false_alarm_into_an_interruption(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|", "It is in stock.|")
    telephone.agent_will_say("Nothing, then.|")
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    slowly = Spoken("no", partials=(), finals=((1.4, "No, nothing"),))
    await telephone.caller_says(slowly, at=5.5, until=5.8)
    await telephone.expect(
        states=[..., "speaking", "barged_in", "speaking", "listening", ..., "speaking"]
    )
    await telephone.until("listening")
    assert telephone.heard[-1] == HeardReply(3, "Nothing, then.")
    assert telephone.history[-2] == Said("caller", "No, nothing")


async def test_the_heard_words_of_an_interrupted_reply_in_pieces_are_known(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|")
    telephone.synthesizer.will("metals", Manner(piece=0.3, pace=0.2))
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_starts_speaking("Stop", at=5.5)
    await telephone.expect(states=[..., "speaking", "barged_in", "listening"])
    assert telephone.history[-1] == Said("agent", telephone.heard[-1].text, 2, interrupted=True)
    assert telephone.heard[-1].text == "For metals up to"
