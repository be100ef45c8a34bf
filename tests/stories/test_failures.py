"""Providers die, hang or lose results: the caller hears an apology, never a long silence."""

from __future__ import annotations

import pytest

from callchart.engine.data import Said
from callchart.engine.events import HearingFailed, LineClosed
from callchart.engine.testing import FakeRecognizer, Manner, Spoken, Telephone
from callchart.engine.testing.questions import (
    events,
    first_sound_after,
    longest_silence,
    time_in,
    times,
)

pytestmark = [pytest.mark.schedules(3), pytest.mark.unmeasured]

APOLOGY = "I am sorry, something went wrong. Please say that again."
REGRET = "I am sorry, I cannot go on with this call. Goodbye."
#: `end_of_turn` and a frame or two (s).
END_OF_TURN = 0.75


async def test_the_model_fails_immediately_and_the_next_answer_is_heard(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say(fails=True)
    telephone.agent_will_say("At nine.|")
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    assert longest_silence(telephone.recording, 4.0, 5.0) < END_OF_TURN
    await telephone.caller_says("When do you open?")
    await telephone.until("speaking")
    await telephone.until("listening")
    telephone.expect(states=[...], heard="At nine.")


async def test_the_model_fails_in_mid_answer_and_the_written_text_is_heard_first(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("We open at nine.|", "We close", fails=True, pace=0.2)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    assert [heard.text for heard in telephone.heard[1:]] == ["We open at nine.", APOLOGY]
    assert longest_silence(telephone.recording, 4.8, 6.5) < 0.1


async def test_the_model_fails_before_the_first_sound_and_the_written_text_is_heard_first(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("We open at nine.|", "We close", fails=True, pace=0.1)
    telephone.synthesizer.will("nine", Manner(latency=1.9))
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    assert [heard.text for heard in telephone.heard[1:]] == ["We open at nine.", APOLOGY]
    assert longest_silence(telephone.recording, 4.0, 8.0) <= 3.0


async def test_the_apology_is_not_late_when_the_model_fails_and_synthesis_hangs(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("We open at nine.|", "We close", fails=True, pace=0.1)
    telephone.synthesizer.will("nine", Manner(hangs=0.0))
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    assert longest_silence(telephone.recording, 4.0, 8.0) <= 3.0


async def test_the_agent_asks_for_a_moment_and_then_apologises_when_the_model_hangs(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say(hangs=True)
    await telephone.caller_says("Is there anybody?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    waiting = telephone.scripts.waiting
    assert [heard.text for heard in telephone.heard[1:]] == [" ".join([waiting] * 3), APOLOGY]
    assert first_sound_after(telephone.recording, 4.0) == pytest.approx(4.0 + 2.22, abs=0.021)
    assert longest_silence(telephone.recording, 4.0, telephone.steps[-1].at_us / 1e6) <= 3.0 + 0.1


async def test_the_agent_apologises_when_the_model_hangs_in_mid_answer(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("We open at nine.|", hangs=True)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    spoken = 4.42 + 16 / 20
    assert longest_silence(telephone.recording, spoken, spoken + 8) <= 3.0 + 0.1


async def test_an_answer_without_a_word_is_a_failure(telephone: Telephone) -> None:
    telephone.agent_will_say(" ", "|", "...|")
    await telephone.caller_says("Is there anybody?", at=3.0, until=4.0)
    telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)


async def test_the_third_failure_in_a_row_ends_the_call(telephone: Telephone) -> None:
    for _ in range(3):
        telephone.agent_will_say(fails=True)
    for _ in range(3):
        await telephone.until("listening")
        await telephone.caller_says("When do you open?")
        await telephone.until("speaking")
    await telephone.until_the_end()
    assert [heard.text for heard in telephone.heard[1:]] == [APOLOGY, APOLOGY, REGRET]


async def test_the_agent_apologises_when_synthesis_fails_before_any_sound(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("We open at nine.|")
    telephone.synthesizer.will("nine", Manner(fails=0.0))
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)


async def test_the_agent_apologises_after_the_first_chunk_when_synthesis_fails_in_the_second(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("We open at nine.|", "We close at five in the afternoon.|")
    telephone.synthesizer.will("five", Manner(latency=0.3, fails=0.0))
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    assert [heard.text for heard in telephone.heard[1:]] == ["We open at nine.", APOLOGY]


async def test_only_whole_words_are_history_when_synthesis_fails_in_mid_word(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("We open at nine and close at five.|")
    telephone.synthesizer.will("nine", Manner(piece=0.2, fails=0.75))
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    assert telephone.history[-2].text == telephone.heard[-2].text == "We open at"


async def test_the_agent_apologises_when_synthesis_hangs(telephone: Telephone) -> None:
    telephone.agent_will_say("We open at nine.|", "We close at five.|")
    telephone.synthesizer.will("five", Manner(hangs=0.0))
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    assert longest_silence(telephone.recording, 5.0, 10.0) <= 3.1


@pytest.mark.parametrize("at", [1.0, 3.3, 4.3, 4.9, 5.3])
async def test_the_caller_hears_regret_when_the_recogniser_fails(
    telephone: Telephone, at: float
) -> None:
    telephone.agent_will_say("We open at nine in the morning.|", latency=0.4)
    await telephone.caller_says("When do you open?", at=3.0, until=3.2)
    await telephone.until(at) if at > 3.2 else None
    telephone.recognizer.fail("the connection broke")
    await telephone.until_the_end()
    telephone.expect(states=[..., "speaking", "hangup", "ended"], heard=REGRET, stale_frames=0)


async def test_the_agent_apologises_within_3_s_when_synthesis_hangs(
    telephone: Telephone, caplog: pytest.LogCaptureFixture
) -> None:
    telephone.agent_will_say("We open at nine.|")
    telephone.synthesizer.will("nine", Manner(hangs=0.0))
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    sound = first_sound_after(telephone.recording, 4.0)
    assert sound is not None
    assert sound <= 4.0 + 3.0
    assert "no sound within 2 s (configure a second voice" in caplog.text


async def test_the_log_has_one_line_for_a_failed_model_without_the_callers_words(
    telephone: Telephone, caplog: pytest.LogCaptureFixture
) -> None:
    telephone.agent_will_say(fails=True)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"call {telephone.line.call_id}: ")
    assert "When do you open?" not in line


@pytest.mark.call(recognizer=FakeRecognizer(fails_to_open="no such model"))
async def test_a_recogniser_that_cannot_be_opened_ends_the_call_with_regret(
    telephone: Telephone, caplog: pytest.LogCaptureFixture
) -> None:
    await telephone.until_the_end()
    assert "no such model" in caplog.text
    assert [event.reason for event in events(telephone.steps, HearingFailed)] == ["no such model"]
    telephone.expect(states=[..., "speaking", "hangup", "ended"], heard=REGRET)


async def test_the_caller_hears_regret_when_the_recogniser_fails_in_mid_utterance(
    telephone: Telephone,
) -> None:
    await telephone.caller_says(Spoken("When do you open?", fails="too long"), at=3.0)
    await telephone.until_the_end()
    telephone.expect(states=[..., "speaking", "hangup", "ended"], heard=REGRET)


async def test_lost_marks_do_not_leave_the_caller_in_silence(telephone: Telephone) -> None:
    telephone.line.confirms_marks = False
    await telephone.until_the_end()
    # Each reply is given up after its own length and a margin.
    assert longest_silence(telephone.recording, 0.0, telephone.now) <= 3.1
    assert telephone.history[0] == Said(
        "agent", "Hello, this is the shop. How can I help you?", reply=1
    )


async def test_marks_that_are_lost_during_the_answer_leave_no_long_silence(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("We open at nine.|")
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    telephone.line.confirms_marks = False
    await telephone.until("speaking")
    await telephone.until_the_end()
    assert telephone.heard[1].text == "We open at nine."
    assert longest_silence(telephone.recording, 4.0, telephone.now) <= 3.1


@pytest.mark.parametrize("at", [0.0, 1.3, 3.5, 4.3, 5.0])
async def test_a_line_that_breaks_off_ends_the_call_immediately(
    telephone: Telephone, at: float
) -> None:
    telephone.agent_will_say("We open at nine in the morning.|")
    if at > 3.0:
        await telephone.caller_starts_speaking("When do you open?", at=3.0)
    if at > 4.0:
        await telephone.caller_stops_speaking(at=4.0)
    await telephone.line_breaks(at=at)
    await telephone.until_the_end()
    telephone.expect(states=[..., "hangup", "ended"], stale_frames=0)
    assert times(telephone.steps, LineClosed) == [pytest.approx(at)]
    assert telephone.now == pytest.approx(at)


async def test_a_call_ends_without_the_closed_signal_of_its_line(telephone: Telephone) -> None:
    telephone.line.closing = 60.0
    await telephone.operator_hangs_up(at=3.0)
    await telephone.until_the_end()
    assert time_in(telephone.steps, "hangup") == pytest.approx(2.0)
