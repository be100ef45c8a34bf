"""A draft begins before the end of the turn is certain, and is heard if its words are confirmed."""

from __future__ import annotations

import pytest

from callchart.engine.data import Said, Scripts
from callchart.engine.effects import StartDraft
from callchart.engine.testing import Spoken, Telephone, Use
from callchart.engine.testing.plugin import MakeTelephone
from callchart.engine.testing.questions import HeardReply, entered, longest_silence
from callchart.engine.tools.tool import tool
from callchart.states.settings import PhoneSettings

pytestmark = [pytest.mark.schedules(3), pytest.mark.call(settings={"drafts": 1})]

#: When the caller is silent (s): the detector finds the end of speech one frame later.
SILENT = 4.02


async def test_a_draft_that_is_ready_plays_as_the_turn_ends(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("At nine.|", latency=0.3)
    await telephone.caller_says("Tell me when you open", at=3.0, until=4.0)
    await telephone.expect(
        states=[..., "settling.pause", "speaking", "listening"], heard="At nine.", stale_frames=0
    )
    assert entered(telephone.steps, "speaking") == [pytest.approx(SILENT + 0.7)]
    assert len(telephone.model.asked) == 1
    assert telephone.model.asked[0].began - telephone.recording.began == pytest.approx(SILENT)
    assert telephone.history[1] == Said("caller", "Tell me when you open")


@pytest.mark.call(settings={"drafts": 1}, scripts=Scripts(fillers=("Let me have a look,",)))
async def test_a_slow_draft_has_a_filler(telephone: Telephone) -> None:
    telephone.agent_will_say("At nine.|", latency=1.2)
    await telephone.caller_says("Tell me when you open", at=3.0, until=4.0)
    await telephone.expect(states=[..., "settling.pause", "thinking", "filling", ..., "speaking"])
    assert len(telephone.model.asked) == 1


@pytest.mark.parametrize(
    ("final", "requests"), [("Tell me when you open.", 1), ("Tell me when you open on Sunday", 2)]
)
async def test_a_draft_begun_by_a_repeated_partial_is_used_if_the_final_agrees(
    telephone: Telephone, final: str, requests: int
) -> None:
    telephone.agent_will_say("At nine.|", latency=0.3)
    telephone.agent_will_say("Never on Sundays.|", latency=0.3)
    words = "tell me when you open"
    spoken = Spoken(final, partials=((0.8, words), (1.2, f"{words}.")), finals=((0.9, final),))
    await telephone.caller_says(spoken, at=3.0, until=4.0)
    await telephone.until("speaking")
    ready = SILENT + 0.9 + (0.3 if requests == 2 else 0.0)
    assert entered(telephone.steps, "speaking") == [pytest.approx(ready)]
    await telephone.until("listening")
    assert len(telephone.model.asked) == requests
    assert telephone.heard[1:] == [
        HeardReply(1 + requests, "At nine." if requests == 1 else "Never on Sundays.")
    ]


async def test_a_caller_who_goes_on_ends_the_draft_and_the_turn_has_no_second_one(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("Nails, then.|", latency=0.1)
    telephone.agent_will_say("All of it.|")
    for at, words in ((3.0, "I would like nails"), (4.3, "and some glue"), (5.6, "and a hammer")):
        await telephone.caller_says(words, at=at, lasting=0.9)
    await telephone.expect(states=[..., "settling", "thinking", "speaking"], stale_frames=0)
    await telephone.until("listening")
    assert len(telephone.model.asked) == 2
    assert telephone.heard[1].text == "All of it."
    assert telephone.history[1].text == "I would like nails and some glue and a hammer"


LONG_WAIT = {"drafts": 1, "end_of_turn": 2.5, "end_of_turn_least": 2.5, "end_of_turn_most": 2.5}


@pytest.mark.call(settings=LONG_WAIT)
async def test_the_agent_does_not_ask_for_a_moment_before_the_turn_ends(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("It is in stock.|", latency=2.0)
    await telephone.caller_says("Do you have the big one", at=3.0, until=4.0)
    await telephone.expect(states=[..., "speaking", "listening"], heard="It is in stock.")


@pytest.mark.call(settings=LONG_WAIT)
async def test_the_agent_asks_for_a_moment_after_the_turn_if_the_draft_is_slow(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("It is in stock.|", latency=6.0)
    await telephone.caller_says("Do you have the big one", at=3.0, until=4.0)
    await telephone.until("thinking")
    over = telephone.now
    await telephone.until("listening")
    assert telephone.heard[-1].text == f"{telephone.scripts.waiting} It is in stock."
    assert longest_silence(telephone.recording, over, telephone.now) < 2.0


@pytest.mark.call(settings={"drafts": 0})
async def test_the_model_is_asked_at_the_end_of_the_turn_without_drafts(
    telephone: Telephone,
) -> None:
    await telephone.caller_says("Tell me when you open", at=3.0, until=4.0)
    await telephone.until("thinking")
    assert telephone.now == pytest.approx(SILENT + 0.7)
    assert not any(isinstance(e, StartDraft) for step in telephone.steps for e in step.effects)


@pytest.mark.parametrize("goes_on", [False, True])
async def test_no_tool_begins_before_the_turn_ends(
    make_telephone: MakeTelephone, goes_on: bool
) -> None:
    begun: list[float] = []

    async def book(name: str) -> str:
        """Set something aside."""
        begun.append(telephone.now)
        return "booked"

    settings = PhoneSettings(drafts=1)
    async with make_telephone(settings=settings, tools=[tool(book)]) as telephone:
        telephone.agent_will_say("I will.|", Use("book", {"name": "Ada"}), "It is {result}.|")
        await telephone.caller_says("Put one aside for Ada", at=3.0, until=4.0)
        if goes_on:
            telephone.agent_will_say("Not at all, then.|")
            await telephone.caller_says("or no, do not", at=4.5, until=5.5)
        await telephone.until("speaking")
        await telephone.until("listening")
        assert begun == ([] if goes_on else [pytest.approx(SILENT + 0.7)])
        said = "Not at all, then." if goes_on else "I will. It is booked."
        assert telephone.heard[-1].text == said


async def test_only_the_first_chunk_of_a_draft_is_synthesised(telephone: Telephone) -> None:
    telephone.agent_will_say("At nine.|", "On Sunday we are closed.|")
    await telephone.caller_says("Tell me when you open", at=3.0, until=4.0)
    await telephone.until(SILENT + 0.5)
    texts = [synthesis.text for synthesis in telephone.synthesizer.syntheses]
    assert "At nine." in texts
    assert "On Sunday we are closed." not in texts
    await telephone.until("listening")
    await telephone.until("speaking")
    await telephone.until("listening")
    assert telephone.heard[1].text == "At nine. On Sunday we are closed."
    assert longest_silence(telephone.recording, SILENT + 0.8, SILENT + 2.0) < 0.1
