"""Backchannels and early answers: the caller's words decide whose turn it is."""

from __future__ import annotations

import pytest

from callchart.adapters.service.providers.scripts import SCRIPTS
from callchart.engine.data import Said
from callchart.engine.events import PlaybackStopped
from callchart.engine.testing import Spoken, Telephone
from callchart.engine.testing.questions import HeardReply, entered, times

pytestmark = [pytest.mark.schedules(3), pytest.mark.unmeasured]

FIRST = "For metals up to 600 kN take the REM-600-A."
WHOLE = f"{FIRST} It is in stock, and the next one comes in May."
RUSSIAN = pytest.mark.call(scripts=SCRIPTS["ru"])


def says_all_of_it(telephone: Telephone) -> None:
    telephone.agent_will_say(f"{FIRST}|", "It is in stock, and the next one comes in May.|")


@pytest.mark.parametrize("words", ["Uh-huh", "Yeah, right.", "OK, go on"])
async def test_a_backchannel_pauses_the_reply_which_resumes_at_the_cut_word(
    telephone: Telephone, words: str
) -> None:
    says_all_of_it(telephone)
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_says(words, at=5.5, lasting=0.5)
    await telephone.expect(
        states=[..., "speaking.chunks", "speaking.overlapped", "barged_in", "speaking"],
        heard="For metals up to",
        stale_frames=0,
    )
    await telephone.until("listening")
    assert telephone.heard[-1] == HeardReply(2, WHOLE)
    assert telephone.history[-1] == Said("agent", WHOLE, reply=2)
    assert len(telephone.model.asked) == 1


@RUSSIAN
@pytest.mark.parametrize("words", ["Угу", "Да-да, понятно.", "Так... ясно"])
async def test_a_russian_backchannel_does_not_interrupt(telephone: Telephone, words: str) -> None:
    whole = "Мы открыты с девяти до пяти каждый день, кроме воскресенья и праздников."
    telephone.agent_will_say(f"{whole}|")
    await telephone.caller_says("Когда вы открыты?", at=3.5, until=4.5)
    await telephone.caller_says(words, at=6.2, lasting=0.5)
    await telephone.expect(states=[..., "speaking", "barged_in", "speaking", "listening"])
    assert telephone.heard[-1] == HeardReply(2, whole)
    assert len(telephone.model.asked) == 1


async def test_other_words_interrupt_as_soon_as_they_are_known(
    telephone: Telephone,
) -> None:
    says_all_of_it(telephone)
    telephone.agent_will_say("Nine thousand.|")
    words = Spoken("Yeah, but what does it cost?", partials=((0.3, "Yeah"), (0.6, "Yeah, but")))
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_says(words, at=5.5, until=7.0)
    await telephone.expect(
        states=[..., "speaking", "barged_in.speech", "listening"],
        heard="For metals up to",
        stale_frames=0,
    )
    # The deciding partial comes 0.6 s after the onset was found.
    assert entered(telephone.steps, "listening.hearing")[-1] == pytest.approx(6.12)
    await telephone.until("speaking")
    assert telephone.history[-2:] == (
        Said("agent", "For metals up to", reply=2, interrupted=True),
        Said("caller", "Yeah, but what does it cost?"),
    )


async def test_a_noise_below_the_minimum_leaves_the_reply_playing(telephone: Telephone) -> None:
    says_all_of_it(telephone)
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_makes_noise(at=5.5, lasting=0.08)
    await telephone.expect(
        states=[..., "speaking.chunks", "speaking.overlapped", "speaking.chunks", "listening"]
    )
    assert telephone.heard[-1] == HeardReply(2, WHOLE)
    assert len(times(telephone.steps, PlaybackStopped)) == 2  # of the greeting, and of the reply


async def test_a_noise_above_the_minimum_stops_the_reply_immediately(telephone: Telephone) -> None:
    says_all_of_it(telephone)
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_makes_noise(at=5.5, lasting=0.3)
    await telephone.expect(states=[..., "speaking.overlapped", "barged_in"])
    assert times(telephone.steps, PlaybackStopped)[-1] == pytest.approx(5.62)


async def test_a_yes_at_the_end_of_a_question_is_its_answer(telephone: Telephone) -> None:
    telephone.agent_will_say("It is in stock.|", "Shall I set it aside for you?|")
    telephone.agent_will_say("Done.|")
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_says("Yes", at=6.4, lasting=0.5)
    await telephone.expect(
        states=[..., "speaking", "barged_in", "listening", "settling", "thinking", "speaking"],
        stale_frames=0,
    )
    assert telephone.history[-1] == Said("caller", "Yes")
    assert telephone.history[-2].text.startswith("It is in stock. Shall I set it")


async def test_a_yes_long_before_the_end_is_a_backchannel(telephone: Telephone) -> None:
    telephone.agent_will_say("It is in stock.|", "Shall I set it aside for you?|")
    await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
    await telephone.caller_says("Yes", at=5.3, lasting=0.5)
    await telephone.expect(states=[..., "speaking", "barged_in", "speaking", "listening"])
    assert telephone.heard[-1].text == "It is in stock. Shall I set it aside for you?"


async def test_a_backchannel_before_the_answer_does_not_delay_it(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("Here it is.|", latency=1.5)
    await telephone.caller_says("Look where it is.", at=3.0, until=4.0)
    await telephone.caller_says("Right", at=5.0, lasting=0.5)
    await telephone.expect(states=[..., "thinking", "barged_in", "thinking", "speaking"])
    assert entered(telephone.steps, "speaking") == [pytest.approx(6.22)]
    assert len(telephone.model.asked) == 1


async def test_a_backchannel_during_the_greeting_does_not_interrupt_it(
    telephone: Telephone,
) -> None:
    await telephone.caller_says("Mhm", at=0.6, lasting=0.5)
    await telephone.expect(states=["greeting", "barged_in", "greeting", "listening"])
    assert telephone.heard == [HeardReply(1, telephone.scripts.greeting)]
