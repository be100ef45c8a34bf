"""One side hangs up, in every state of a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from callchart.engine.data import Scripts
from callchart.engine.events import CallerHungUp
from callchart.engine.testing import Manner, Telephone, Use
from callchart.engine.testing.plugin import MakeTelephone
from callchart.engine.testing.questions import HeardReply, is_in, outcomes
from callchart.states import CHART

#: A function whose caller brings a call into a state, and keeps it there for a moment.
CallerTo = Callable[[Telephone], Awaitable[None]]


async def greeting(telephone: Telephone) -> None:
    await telephone.until("greeting")


async def greeting_overlapped(telephone: Telephone) -> None:
    await telephone.caller_starts_speaking(at=1.0)
    await telephone.until("greeting.overlapped")


async def barged_in_speech(telephone: Telephone) -> None:
    await telephone.caller_starts_speaking(at=1.0)
    await telephone.until("barged_in.speech")


async def barged_in_silence(telephone: Telephone) -> None:
    telephone.recognizer.latency = 0.9
    await telephone.caller_makes_noise(at=1.0)
    await telephone.until("barged_in.silence")


async def waiting(telephone: Telephone) -> None:
    await telephone.until("listening.waiting")


async def hearing(telephone: Telephone) -> None:
    await telephone.caller_starts_speaking("When do you open?", at=3.0)
    await telephone.until("listening.hearing")


async def interrupted(telephone: Telephone) -> None:
    telephone.recognizer.latency = 0.5
    await telephone.caller_says("I would like nails", at=1.0, lasting=0.1)
    await telephone.until("listening.interrupted")


async def pause(telephone: Telephone) -> None:
    await telephone.caller_says("When do you open?", at=3.0)
    await telephone.until("settling.pause")


async def words(telephone: Telephone) -> None:
    telephone.recognizer.latency = 1.9
    await telephone.caller_says("When do you open?", at=3.0)
    await telephone.until("settling.words")


async def silent(telephone: Telephone) -> None:
    await telephone.caller_says("When do you open?", at=3.0)
    await telephone.until("thinking.silent")


async def filler(telephone: Telephone) -> None:
    await telephone.caller_says("When do you open?", at=3.0)
    await telephone.until("filling.filler")


async def filler_ending(telephone: Telephone) -> None:
    await telephone.caller_says("When do you open?", at=3.0)
    await telephone.until("filler_ending")


async def opening(telephone: Telephone) -> None:
    await telephone.caller_says("When do you open?", at=3.0)
    await telephone.until("speaking.opening")


async def chunks(telephone: Telephone) -> None:
    await telephone.caller_says("When do you open?", at=3.0)
    await telephone.until("speaking.chunks")


async def speaking_overlapped(telephone: Telephone) -> None:
    await chunks(telephone)
    await telephone.caller_starts_speaking()
    await telephone.until("speaking.overlapped")


async def transferring(telephone: Telephone) -> None:
    await chunks(telephone)
    await telephone.until("listening")
    telephone.line.answers_transfers = False
    telephone.agent_will_say("I will connect you.|", Use("transfer", {"target": "100"}))
    await telephone.caller_says("Give me a person")
    await telephone.until("transferring")


async def hangup(telephone: Telephone) -> None:
    telephone.line.closing = 1.0
    await telephone.operator_hangs_up(at=3.0)
    await telephone.until("hangup")


async def ended(telephone: Telephone) -> None:
    await telephone.operator_hangs_up(at=3.0)
    await telephone.until_the_end()


CALLERS: dict[str, CallerTo] = {
    "call.turn.greeting.clear": greeting,
    "call.turn.greeting.overlapped": greeting_overlapped,
    "call.turn.barged_in.speech": barged_in_speech,
    "call.turn.barged_in.silence": barged_in_silence,
    "call.listening.waiting": waiting,
    "call.listening.hearing": hearing,
    "call.listening.interrupted": interrupted,
    "call.turn.settling.pause": pause,
    "call.turn.settling.words": words,
    "call.turn.thinking.silent": silent,
    "call.turn.thinking.filling.filler": filler,
    "call.turn.thinking.filling.filler_ending": filler_ending,
    "call.turn.speaking.opening": opening,
    "call.turn.speaking.chunks": chunks,
    "call.turn.speaking.overlapped": speaking_overlapped,
    "call.turn.transferring": transferring,
    "hangup": hangup,
    "ended": ended,
}

#: When a side hangs up (s after the state is entered): immediately, within a frame, later.
MOMENTS = (0.0, 0.007, 0.31)


def test_every_state_has_a_caller_who_reaches_it() -> None:
    assert set(CALLERS) == set(CHART.leaves)


def prepare(telephone: Telephone) -> None:
    """Slow down the answer, so that every state lasts."""
    telephone.agent_will_say("We open at nine.|", "We close at five.|", latency=1.2, pace=0.3)
    telephone.synthesizer.will("We", Manner(latency=0.2, piece=0.2, pace=0.1))


FILLERS = {
    "scripts": Scripts(fillers=("Let me have a look at that, it will take a moment,",)),
    "settings": {"filler_after": 0.4},
    "transfers": ["100"],
}


@pytest.mark.schedules(2)
@pytest.mark.call(**FILLERS)
@pytest.mark.unmeasured
@pytest.mark.parametrize("later", MOMENTS)
@pytest.mark.parametrize("state", CALLERS)
async def test_a_callers_hangup_ends_the_call_in_every_state(
    telephone: Telephone, state: str, later: float
) -> None:
    prepare(telephone)
    await CALLERS[state](telephone)
    assert any(is_in(step.after.leaf, state) for step in telephone.steps[-2:])
    await telephone.caller_hangs_up(at=telephone.now + later)
    moment = telephone.now
    await telephone.until_the_end()
    # The telephone checks that the history holds only heard words of the agent.
    telephone.expect(states=[..., "hangup", "ended"], stale_frames=0)
    assert telephone.now - moment <= 2.0


@pytest.mark.schedules(2)
@pytest.mark.call(**FILLERS)
@pytest.mark.unmeasured
@pytest.mark.parametrize("later", MOMENTS)
@pytest.mark.parametrize("state", CALLERS)
async def test_the_operators_hangup_ends_the_call_with_a_goodbye_in_every_state(
    telephone: Telephone, state: str, later: float
) -> None:
    prepare(telephone)
    await CALLERS[state](telephone)
    await telephone.operator_hangs_up(at=telephone.now + later)
    await telephone.until_the_end(within=10.0)
    telephone.expect(
        states=[..., "speaking", "hangup", "ended"],
        heard="Thank you for calling. Goodbye.",
        stale_frames=0,
    )


@pytest.mark.schedules(5)
async def test_the_call_ends_once_when_both_hang_up_at_the_same_instant(
    telephone: Telephone,
) -> None:
    await telephone.operator_hangs_up(at=3.0)
    await telephone.caller_hangs_up(at=3.0)
    await telephone.until_the_end()
    assert telephone.now == pytest.approx(3.0)
    assert len(outcomes(telephone.steps, CallerHungUp)) == 1


@pytest.mark.schedules(3)
@pytest.mark.parametrize(
    ("at", "heard"), [(5.1, "For"), (5.53, "For metals up to"), (5.75, "For metals up to 600")]
)
async def test_exactly_the_words_heard_before_a_hangup_are_history(
    make_telephone: MakeTelephone, at: float, heard: str
) -> None:
    async with make_telephone() as telephone:
        telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|")
        await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
        await telephone.caller_hangs_up(at=at)
        await telephone.until_the_end()
        assert telephone.heard[-1] == HeardReply(2, heard)
        assert telephone.history[-1].text == heard
