"""The end of the caller's turn: by silence, by their words, and by the recogniser."""

from __future__ import annotations

import pytest

from callchart.engine.data import Said, Scripts
from callchart.engine.testing import Spoken, Telephone
from callchart.engine.testing.questions import HeardReply, entered

pytestmark = [pytest.mark.schedules(3), pytest.mark.unmeasured]

#: When the caller is silent (s): the detector finds the end of speech one frame later.
SILENT = 4.02
ONE_FILLER = pytest.mark.call(scripts=Scripts(fillers=("Let me have a look at that,",)))


@pytest.mark.parametrize(
    ("words", "silence"),
    [
        ("I would like nails", 0.7),
        ("Do you have nails?", 0.4),
        ("when do you open", 0.4),
        ("I would like nails, and", 1.0),
        ("I would like, um", 1.0),
        ("Когда вы открыты", 0.4),
        ("Мне нужны гвозди и", 1.0),
    ],
)
async def test_a_question_is_answered_sooner_and_unfinished_words_later(
    telephone: Telephone, words: str, silence: float
) -> None:
    await telephone.caller_says(words, at=3.0, until=4.0)
    await telephone.until("thinking")
    assert entered(telephone.steps, "thinking") == [pytest.approx(SILENT + silence)]


@pytest.mark.parametrize(("after", "silence"), [(0.1, 0.4), (0.55, 0.55), (0.9, 0.7)])
async def test_an_end_of_utterance_of_the_recogniser_is_answered_sooner(
    telephone: Telephone, after: float, silence: float
) -> None:
    spoken = Spoken("I would like nails", heard_out=after)
    await telephone.caller_says(spoken, at=3.0, until=4.0)
    await telephone.until("thinking")
    assert entered(telephone.steps, "thinking") == [pytest.approx(SILENT + silence)]
    await telephone.until("listening")


async def test_late_words_do_not_restart_the_silence(
    telephone: Telephone,
) -> None:
    telephone.recognizer.latency = 0.6
    await telephone.caller_says("Do you have nails?", at=3.0, until=4.0)
    await telephone.until("thinking")
    assert entered(telephone.steps, "thinking") == [pytest.approx(SILENT + 0.6)]


@pytest.mark.parametrize("latency", [0.0, 0.3])
@ONE_FILLER
async def test_a_caller_who_goes_on_during_the_filler_has_one_question(
    telephone: Telephone, latency: float
) -> None:
    telephone.agent_will_say("Not this.|", latency=2.5)
    telephone.agent_will_say("Both, then.|", latency=latency)
    await telephone.caller_says("Do you have nails?", at=3.0, until=4.0)
    await telephone.until("filling.filler")
    await telephone.caller_says("And hammers, too?", at=4.9, until=6.0)
    await telephone.expect(
        states=[..., "filling", "barged_in", "listening", "settling", "thinking", ..., "speaking"],
        stale_frames=0,
    )
    await telephone.until("listening")
    assert telephone.heard[-1] == HeardReply(3, "Both, then.")
    assert telephone.history[-2] == Said("caller", "Do you have nails? And hammers, too?")


async def test_a_caller_who_goes_on_before_the_answer_is_heard_has_one_question(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("Not this.|", latency=0.01)
    telephone.agent_will_say("Both, then.|")
    await telephone.caller_says("Do you have nails?", at=3.0, until=4.0)
    # The sound of the answer is on its way, and the caller has heard none of it.
    await telephone.caller_says("And hammers, too?", at=SILENT + 0.4, lasting=1.0)
    await telephone.expect(
        states=[..., "speaking.opening", "barged_in", "listening", "settling", "thinking"],
        stale_frames=0,
    )
    await telephone.until("listening")
    assert [heard.text for heard in telephone.heard[1:]] == ["Both, then."]
    assert telephone.history[1] == Said("caller", "Do you have nails? And hammers, too?")
