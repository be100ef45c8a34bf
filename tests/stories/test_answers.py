"""The model's text becomes chunks and sound, and fillers bridge the silence before it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from callchart.engine.data import Scripts
from callchart.engine.events import FillerFinished, ReplyWritten
from callchart.engine.ports import Speech
from callchart.engine.testing import FakeSynthesizer, Manner, Telephone
from callchart.engine.testing.plugin import MakeTelephone
from callchart.engine.testing.questions import (
    entered,
    events,
    first_sound_after,
    heard_sounds,
    states,
    time_in,
)

pytestmark = [pytest.mark.schedules(3), pytest.mark.unmeasured]

#: A filler whose sound lasts 1.15 s.
FILLER = "One moment, let me see."
ONE_FILLER = Scripts(fillers=(FILLER,))


async def test_a_text_without_marks_is_cut_at_its_sentences(
    telephone: Telephone,
) -> None:
    text = "We open at nine. On Sunday we are closed. Is there anything else?"
    telephone.agent_will_say(text, by_word=True, pace=0.1)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.until("speaking")
    await telephone.until("listening")
    (_, written) = events(telephone.steps, ReplyWritten)
    assert (written.chunks, written.marked) == (3, 0)
    telephone.expect(states=[...], heard=text)
    # "nine." is the fourth word; the fifth shows that the sentence ended.
    assert entered(telephone.steps, "speaking") == [pytest.approx(4.82)]


async def test_a_slow_model_is_heard_before_its_sentence_ends(
    telephone: Telephone,
) -> None:
    text = "so the thing about nails is that they come in many sizes"
    telephone.agent_will_say(text, by_word=True, pace=0.4)
    await telephone.caller_says("Hello?", at=3.0, until=4.0)
    await telephone.until("speaking")
    assert telephone.now < 4.42 + 1.5
    await telephone.until("listening")
    telephone.expect(states=[...], heard=text)


async def test_a_long_answer_without_sentences_is_cut_at_its_words(
    telephone: Telephone,
) -> None:
    text = " ".join(["and nails"] * 40)
    telephone.agent_will_say(text)
    await telephone.caller_says("What do you have?", at=3.0, until=4.0)
    await telephone.until("speaking")
    await telephone.until("listening")
    assert all(len(synthesis.text) <= 250 for synthesis in telephone.synthesizer.syntheses)
    telephone.expect(states=[...], heard=text)


async def test_the_line_is_silent_until_the_answer_without_a_filler(telephone: Telephone) -> None:
    telephone.agent_will_say("At nine.|", latency=1.0)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.until("listening")
    assert first_sound_after(telephone.recording, 4.0) is None
    telephone.expect(states=[..., "thinking.silent", "speaking", "listening"], heard="At nine.")


@pytest.mark.call(scripts=ONE_FILLER)
async def test_a_filler_bridges_the_silence_and_is_cut_at_the_end_of_its_word(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("At nine.|", latency=0.53)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(
        states=[..., "filling.filler", "filling.filler_ending", "speaking", "listening"],
        heard="At nine.",
        stale_frames=0,
    )
    assert first_sound_after(telephone.recording, 4.0) == pytest.approx(4.42)
    filler = next(s for s in heard_sounds(telephone.recording) if s.text == FILLER)
    ends = [word.end_s for word in telephone.synthesizer.syntheses[filler.sound - 1].words]
    # It waits for the next end of a word, but at most 150 ms.
    assert time_in(telephone.steps, "filler_ending") == pytest.approx(
        min(0.15, next(end for end in ends if end >= 0.53) - 0.53), abs=1e-5
    )


@pytest.mark.call(scripts=ONE_FILLER)
@pytest.mark.parametrize("latency", [0.0, 0.07, 0.21, 0.4, 0.75, 1.0, 1.1])
async def test_a_ready_answer_waits_for_the_filler_at_most_150_ms(
    telephone: Telephone, latency: float
) -> None:
    telephone.agent_will_say("At nine.|", latency=latency)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(
        states=[..., "filling", "speaking", "listening"], heard="At nine.", stale_frames=0
    )
    assert time_in(telephone.steps, "filler_ending") <= 0.15 + 1e-6


@pytest.mark.call(scripts=ONE_FILLER, settings={"filler_after": 0.5})
async def test_an_answer_that_is_ready_before_the_filler_skips_it(telephone: Telephone) -> None:
    telephone.agent_will_say("At nine.|", latency=0.4)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.until("speaking")
    await telephone.until("listening")
    assert "call.turn.thinking.filling.filler" not in states(telephone.steps)
    assert all(sound.text != FILLER for sound in heard_sounds(telephone.recording))


@pytest.mark.call(scripts=ONE_FILLER)
async def test_a_filler_that_ends_before_the_answer_is_the_only_one(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("At nine.|", latency=1.7)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(
        states=[..., "filling", "thinking.silent", "speaking", "listening"], heard="At nine."
    )
    assert len(events(telephone.steps, FillerFinished)) == 1


@pytest.mark.call(scripts=Scripts(fillers=("Well,", "Let me see,", "So,")))
async def test_no_filler_is_heard_twice_in_a_row(telephone: Telephone) -> None:
    for _ in range(6):
        telephone.agent_will_say("Yes.|", latency=2.0)
    for _ in range(6):
        await telephone.until("listening")
        await telephone.caller_says("And this one?")
        await telephone.until("speaking")
    heard = [sound.text for sound in heard_sounds(telephone.recording)]
    fillers = [text for text in heard if text in telephone.scripts.fillers]
    assert len(fillers) == 6
    assert all(a != b for a, b in pairwise(fillers))


@pytest.mark.call(scripts=ONE_FILLER)
async def test_the_agent_apologises_when_synthesis_fails_while_the_filler_ends(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("At nine in the morning, as every day.|", latency=0.3)
    telephone.synthesizer.will("nine", Manner(piece=0.2, pace=0.1, fails=0.2))
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    telephone.expect(
        states=[..., "filling", "speaking", "listening"],
        heard="I am sorry, something went wrong. Please say that again.",
    )


async def test_a_chunk_without_sound_does_not_enter_the_history(
    make_telephone: MakeTelephone,
) -> None:
    class PartlyMute(FakeSynthesizer):
        async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
            if "second" not in text:
                await super().synthesize(text, rate_hz, out)

    async with make_telephone(synthesizer=PartlyMute()) as telephone:
        telephone.agent_will_say("This is the first.|", "The second.|", "This is the third.|")
        await telephone.caller_says("Go on", at=3.0, until=4.0)
        await telephone.expect(states=[..., "speaking", "listening"])
        assert telephone.history[-1].text == "This is the first. This is the third."
