"""The caller's utterances, and the results of the recogniser for them."""

from __future__ import annotations

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import Said
from callchart.engine.events import FinalHeard
from callchart.engine.testing import Spoken, Telephone
from callchart.engine.testing.questions import (
    entered,
    events,
    first_sound_after,
    outcomes,
    states,
    time_in,
)

pytestmark = [pytest.mark.schedules(3), pytest.mark.unmeasured]


async def test_two_finals_of_one_utterance_are_one_question_before_the_turn_ends(
    telephone: Telephone,
) -> None:
    split = Spoken("", finals=((0.1, "I would like"), (0.4, "a hammer")))
    await telephone.caller_says(split, at=3.0, until=4.0)
    await telephone.expect(states=[..., "settling", "thinking", "speaking", "listening"])
    assert len(telephone.model.asked) == 1
    assert telephone.history[1] == Said("caller", "I would like a hammer")


@pytest.mark.parametrize("late", [0.75, 1.1, 2.5])
async def test_a_second_final_after_the_answer_began_has_no_answer_of_its_own(
    telephone: Telephone, late: float
) -> None:
    split = Spoken("", finals=((0.1, "I would like"), (late, "a hammer")))
    await telephone.caller_says(split, at=3.0, until=4.0)
    await telephone.expect(states=[..., "settling", "thinking", "speaking", "listening"])
    assert len(telephone.model.asked) == 1
    await telephone.until(8.0)
    assert outcomes(telephone.steps, FinalHeard)[-1] is Outcome.LATE


async def test_a_turn_with_partials_only_is_answered(telephone: Telephone) -> None:
    partials = Spoken("", partials=((0.3, "I would"), (0.6, "I would like a hammer")), finals=())
    await telephone.caller_says(partials, at=3.0, until=4.0)
    await telephone.expect(states=[..., "settling.words", "thinking", "speaking", "listening"])
    assert telephone.model.asked[0].history[-1] == Said("caller", "I would like a hammer")
    # `end_of_turn` and `words_wait`, from the end of speech.
    assert entered(telephone.steps, "thinking") == [pytest.approx(4.02 + 0.7 + 2.0)]


async def test_the_agent_apologises_within_3_s_for_speech_without_any_result(
    telephone: Telephone,
) -> None:
    await telephone.caller_says(Spoken("", finals=()), at=3.0, until=4.0)
    await telephone.expect(
        states=[..., "settling.words", "speaking", "listening"], heard=telephone.scripts.apology
    )
    assert telephone.model.asked == []
    sound = first_sound_after(telephone.recording, 4.0)
    assert sound is not None
    assert sound <= 4.0 + 3.0


async def test_a_recogniser_that_hangs_for_good_ends_the_call(telephone: Telephone) -> None:
    for _ in range(3):
        await telephone.until("listening")
        await telephone.caller_says(Spoken("", finals=()))
        await telephone.until("speaking")
    await telephone.until_the_end()
    scripts = telephone.scripts
    assert [heard.text for heard in telephone.heard[1:]] == [
        scripts.apology,
        scripts.apology,
        scripts.regret,
    ]


async def test_words_without_a_final_are_answered_with_the_next_ones(
    telephone: Telephone,
) -> None:
    begun = Spoken("", partials=((0.3, "Two nails"),), finals=())
    await telephone.caller_says(begun, at=3.0, until=4.0)
    await telephone.caller_says("and a hammer", at=4.3, until=5.0)
    await telephone.until("speaking")
    asked = Said("caller", "Two nails and a hammer")
    assert telephone.model.asked[0].history[-1] == telephone.history[-1] == asked


async def test_words_from_the_end_of_a_reply_are_answered_when_they_are_known(
    telephone: Telephone,
) -> None:
    late = Spoken("Nails?", partials=((0.5, "Nails"),), finals=((1.0, "Nails?"),))
    await telephone.caller_says(late, at=2.12, until=2.18)
    await telephone.expect(states=[..., "listening.waiting", "settling", ..., "speaking"])
    assert telephone.now < 5.0
    assert telephone.model.asked[0].history[-1] == Said("caller", "Nails?")


async def test_late_words_interrupt_the_apology_and_are_answered(
    telephone: Telephone,
) -> None:
    late = Spoken("", partials=(), finals=((3.5, "A hammer"),))
    await telephone.caller_says(late, at=3.0, until=4.0)
    await telephone.expect(
        states=[..., "settling.words", "speaking", "listening", "settling", "thinking", "speaking"],
        stale_frames=0,
    )
    assert telephone.history[-1] == Said("caller", "A hammer")


async def test_a_noise_after_the_question_delays_the_answer_until_its_final(
    telephone: Telephone,
) -> None:
    await telephone.caller_says("a hammer", at=3.0, until=4.0)
    await telephone.caller_says(Spoken("", finals=((1.0, ""),)), at=4.3, until=4.6)
    await telephone.expect(states=[..., "settling.words", "thinking", "speaking"])
    assert entered(telephone.steps, "thinking") == [pytest.approx(5.62)]
    assert telephone.model.asked[0].history[-1] == Said("caller", "a hammer")


async def test_a_noise_is_not_answered(telephone: Telephone) -> None:
    await telephone.caller_makes_noise(at=3.0)
    await telephone.expect(states=[..., "listening", "settling", "listening"])
    assert telephone.model.asked == []


async def test_a_slow_recogniser_delays_the_answer(telephone: Telephone) -> None:
    telephone.recognizer.latency = 1.2
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "settling.words", "thinking", "speaking"])
    assert entered(telephone.steps, "thinking") == [pytest.approx(5.22)]


async def test_a_caller_who_speaks_without_end_is_answered(telephone: Telephone) -> None:
    endless = Spoken("", partials=((0.3, "I have"), (29.0, "I have so much to tell")))
    await telephone.caller_starts_speaking(endless, at=3.0)
    await telephone.expect(states=[..., "listening", "settling.words", "thinking", "speaking"])
    assert entered(telephone.steps, "settling") == [pytest.approx(33.02)]
    assert telephone.model.asked[0].history[-1] == Said("caller", "I have so much to tell")


@pytest.mark.call(settings={"longest_call": 120.0})
async def test_noise_without_end_does_not_keep_the_call_open(
    telephone: Telephone,
) -> None:
    await telephone.caller_starts_speaking(at=1.0)
    await telephone.until_the_end()
    assert telephone.now < 120.0 + 5.0
    telephone.expect(states=[..., "speaking", "hangup", "ended"])


async def test_a_silent_caller_is_asked_twice_and_then_hears_goodbye(telephone: Telephone) -> None:
    await telephone.until_the_end()
    reprompt = "Are you still there?"
    farewell = "Thank you for calling. Goodbye."
    assert [heard.text for heard in telephone.heard[1:]] == [reprompt, reprompt, farewell]
    assert time_in(telephone.steps, "listening") == pytest.approx(18.0)
    telephone.expect(states=[..., "listening", "speaking", "hangup", "ended"])


async def test_a_caller_who_answers_the_reprompt_may_be_silent_again(
    telephone: Telephone,
) -> None:
    for _ in range(3):
        await telephone.until("listening")
        await telephone.until("speaking")  # the reprompt
        await telephone.until("listening")
        await telephone.caller_says("Yes, I am here")
        await telephone.until("speaking")  # the answer
    assert len(telephone.model.asked) == 3
    assert not any("hangup" in leaf for leaf in states(telephone.steps))


@pytest.mark.call(settings={"longest_call": 30.0})
async def test_the_longest_call_ends_with_a_goodbye(telephone: Telephone) -> None:
    for at in (4.0, 10.0, 16.0, 22.0, 28.8):
        await telephone.caller_says("And then?", at=at, lasting=0.6)
    await telephone.until_the_end()
    telephone.expect(
        states=[..., "speaking", "hangup", "ended"], heard="Thank you for calling. Goodbye."
    )
    assert telephone.now < 30.0 + 2.5


async def test_finals_are_numbered_by_utterance(telephone: Telephone) -> None:
    for at, words in ((3.0, "one"), (4.2, "two"), (5.4, "three")):
        await telephone.caller_says(words, at=at, lasting=0.8)
    await telephone.until("thinking")
    assert [(final.utterance, final.text) for final in events(telephone.steps, FinalHeard)] == [
        (1, "one"),
        (2, "two"),
        (3, "three"),
    ]
    assert telephone.history[-1] == Said("caller", "one two three")
