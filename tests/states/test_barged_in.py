"""The caller spoke during the reply: is it an interruption or a false alarm?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import Reply, Said
from callchart.engine.effects import StartReply
from callchart.engine.events import (
    FinalHeard,
    PartialHeard,
    PlaybackStopped,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
    SpeechEnded,
    SpeechStarted,
)
from callchart.states.settings import PhoneSettings
from tests.states.situations import ANSWER, APOLOGY, GREETING, SPOKEN, call_in

CUT_OFF = Said("agent", "For metals up to", 2, interrupted=True)


@pytest.mark.parametrize(
    ("leaf", "heard"),
    [
        ("barged_in.speech", "listening.hearing"),
        ("silence", "listening.interrupted"),
    ],
)
@pytest.mark.parametrize("event", [PartialHeard(2, "no"), FinalHeard(2, "no")])
def test_words_of_the_caller_interrupt_the_reply(
    leaf: str, heard: str, event: PartialHeard | FinalHeard
) -> None:
    call = call_in(leaf, interrupted="speaking", reply=replace(SPOKEN, ends_call=True))
    after = call.on(PlaybackStopped(2, "For metals up to"), event)
    assert (after.state, after.data.history) == (heard, (CUT_OFF,))
    assert not after.data.reply.ends_call
    kept = after.data.partial if isinstance(event, PartialHeard) else after.data.question[0]
    assert kept == "no"


@pytest.mark.parametrize("leaf", ["barged_in.speech", "silence"])
def test_a_partial_without_words_decides_nothing(leaf: str) -> None:
    call = call_in(leaf)
    assert call.on(PartialHeard(2, " ")).configuration == call.configuration


def test_a_backchannel_does_not_take_the_turn() -> None:
    so_far = call_in("barged_in.speech").on(PartialHeard(2, "Uh-huh"), after=0.5)
    assert (so_far.state, so_far.remaining("interruption")) == ("barged_in.speech", 0.9)
    still = so_far.on(PartialHeard(2, "Uh-huh, yeah."), after=0.5)
    assert still.remaining("interruption") == 0.9
    silent = still.on(SpeechEnded(2), PartialHeard(2, "Uh-huh, yeah, right."))
    assert silent.state == "barged_in.silence"
    after = silent.on(FinalHeard(2, "Uh-huh, yeah, right."))
    assert (after.state, after.data.question, after.data.partial) == ("speaking.opening", (), "")
    assert after.data.recognised == 2


def test_a_backchannel_without_a_final_is_a_false_alarm() -> None:
    speaks = call_in("barged_in.speech", interrupted="speaking")
    after = speaks.on(PartialHeard(2, "right"), SpeechEnded(2)).due("false_alarm")
    assert (after.state, after.data.partial) == ("speaking.opening", "")


def test_words_that_were_known_before_the_reply_fell_silent_need_no_final() -> None:
    speaks = call_in("speaking.overlapped").on(PartialHeard(2, "no, nails"))
    after = speaks.due("barge_in_speech").on(SpeechEnded(2)).due("false_alarm")
    assert (after.state, after.data.partial) == ("listening.interrupted", "no, nails")


def test_a_noise_after_words_without_a_final_is_not_a_false_alarm() -> None:
    call = call_in("silence", partial="no, nails", partial_of=2, ended=3)
    after = call.on(FinalHeard(3, ""))
    assert (after.state, after.data.question) == ("listening.interrupted", ("no, nails",))


def test_a_backchannel_that_goes_on_is_an_interruption() -> None:
    so_far = call_in("barged_in.speech").on(PartialHeard(2, "yes"), after=0.8)
    after = so_far.on(PlaybackStopped(2, "For metals up to")).due("interruption")
    assert (after.state, after.data.history) == ("listening.hearing", (CUT_OFF,))
    assert after.seconds == pytest.approx(1.7)


def test_a_backchannels_final_before_the_end_of_speech_decides_nothing() -> None:
    so_far = call_in("barged_in.speech").on(PartialHeard(2, "yes"))
    after = so_far.on(FinalHeard(2, "Yes."), after=0.3)
    assert (after.state, after.data.partial) == ("barged_in.speech", "")
    assert after.remaining("interruption") == 0.6


def test_a_backchannel_decides_nothing_while_a_later_final_is_pending() -> None:
    call = call_in("silence").on(SpeechEnded(2), SpeechStarted(3), SpeechEnded(3))
    after = call.on(FinalHeard(2, "Right."), after=0.4)
    assert (after.state, after.data.recognised) == ("barged_in.silence", 2)
    assert after.on(FinalHeard(3, "Stop")).state == "listening.interrupted"


@pytest.mark.parametrize("leaf", ["barged_in.speech", "silence"])
def test_a_yes_as_a_reply_ends_is_an_answer_to_it(leaf: str) -> None:
    for event in (PartialHeard(2, "Yes"), FinalHeard(2, "Yes")):
        assert call_in(leaf, left_s=1.0).on(event).state.startswith("listening")
        assert not call_in(leaf, left_s=1.1).on(event).state.startswith("listening")
    sooner = PhoneSettings(early_answer=0.0)
    call = call_in(leaf, left_s=0.1, settings=sooner)
    assert not call.on(FinalHeard(2, "Yes")).state.startswith("listening")


def test_speech_that_lasts_is_an_interruption_before_its_words_are_known() -> None:
    stopped = call_in("barged_in.speech").on(PlaybackStopped(2, "For metals up to"))
    after = stopped.on(SpeechStarted(2)).due("interruption")
    assert (after.seconds, after.state) == (0.9, "listening.hearing")
    assert after.data.history == (CUT_OFF,)


def test_an_empty_final_while_the_caller_speaks_decides_nothing() -> None:
    after = call_in("barged_in.speech").on(FinalHeard(2, ""), after=0.5)
    assert (after.outcome, after.state) == (Outcome.STAYED, "barged_in.speech")
    assert after.data.recognised == 2
    assert after.remaining("interruption") == 0.4


def test_an_end_of_speech_without_words_leads_to_silence() -> None:
    after = call_in("barged_in.speech").on(SpeechEnded(2))
    assert (after.state, after.data.ended) == ("barged_in.silence", 2)


def test_speech_that_begins_again_restarts_the_interruption_timer() -> None:
    after = call_in("silence").on(SpeechEnded(2), SpeechStarted(3), after=0.5)
    assert (after.state, after.data.ended) == ("barged_in.speech", 2)
    assert after.remaining("interruption") == 0.9


@pytest.mark.parametrize("alarm", ["an empty final", "silence"])
@pytest.mark.parametrize(
    ("interrupted", "reply", "state", "purpose"),
    [
        ("greeting", GREETING, "greeting.clear", "greeting"),
        ("greeting", replace(GREETING, ready=True), "greeting.clear", "greeting"),
        ("speaking", ANSWER, "speaking.opening", "answer"),
        ("speaking", replace(SPOKEN, failure="it broke"), "speaking.opening", "answer"),
        ("speaking", replace(SPOKEN, ends_call=True), "speaking.opening", "answer"),
        ("thinking", ANSWER, "thinking.silent", "answer"),
        ("thinking", SPOKEN, "speaking.opening", "answer"),
        ("thinking", replace(ANSWER, failure="it broke"), "speaking.opening", "apology"),
        ("thinking", replace(ANSWER, ends_call=True, chunks=0), "speaking.opening", "farewell"),
        ("thinking", replace(ANSWER, ends_call=True, chunks=1), "thinking.silent", "answer"),
    ],
)
def test_a_false_alarm_resumes_the_reply_or_handles_its_end(
    alarm: str, interrupted: str, reply: object, state: str, purpose: str
) -> None:
    call = call_in("silence", interrupted=interrupted, reply=reply, partial="yes", partial_of=2)
    if alarm == "silence":
        after = call.due("false_alarm")
        assert after.seconds == 1.0
    else:
        after = call.on(FinalHeard(2, ""))
        assert after.data.recognised == 2
    assert (after.state, after.purpose, after.data.partials) == (state, purpose, ())
    begins_another = after.data.reply != reply
    assert after.effects == ((StartReply(after.data.reply),) if begins_another else ())


def test_a_false_alarm_after_the_last_failure_ends_the_call() -> None:
    call = call_in("silence", interrupted="thinking", reply=ANSWER, apologies=2)
    after = call.on(PartialHeard(2, "yes"), ReplyFailed(2, "text", "it broke")).due("false_alarm")
    assert (after.state, after.purpose) == ("speaking.opening", "regret")
    assert after.data.partials == ()
    assert after.effects == (StartReply(after.data.reply),)


@pytest.mark.parametrize("leaf", ["barged_in.speech", "silence"])
def test_the_reply_is_still_written_while_it_is_unheard(leaf: str) -> None:
    after = call_in(leaf, reply=ANSWER, interrupted="thinking").on(
        ReplyReady(2), ReplyWritten(2, 1, 1, ends_call=True), ReplyFailed(2, "synthesis", "broke")
    )
    assert after.configuration == call_in(leaf).configuration
    assert after.data.reply == replace(SPOKEN, chunks=1, ends_call=True, failure="broke")


def test_settings_set_the_times_of_interruptions_and_false_alarms() -> None:
    settings = PhoneSettings(interruption=0.3, false_alarm=0.5)
    assert call_in("barged_in.speech", settings=settings).due("interruption").seconds == 0.3
    assert call_in("silence", settings=settings).due("false_alarm").seconds == 0.5


@pytest.mark.parametrize(
    ("reply", "apologies"),
    [
        (replace(SPOKEN, heard=True), 0),
        (SPOKEN, 2),
        (replace(SPOKEN, heard=True, failure="it broke"), 2),
        (replace(APOLOGY, heard=True), 2),
    ],
)
def test_an_interrupted_answer_that_was_heard_resets_the_apologies(
    reply: Reply, apologies: int
) -> None:
    after = call_in("speech", reply=reply, apologies=2).due("interruption")
    assert (after.state, after.data.apologies) == ("listening.hearing", apologies)


@pytest.mark.parametrize(
    "reply", [replace(SPOKEN, ends_call=True), replace(SPOKEN, transfer_to="1")]
)
def test_okay_near_the_end_of_a_reply_that_ends_or_transfers_is_a_backchannel(reply: Reply) -> None:
    call = call_in("speech", reply=reply, interrupted="speaking", left_s=0.5)
    after = call.on(PartialHeard(2, "okay"), SpeechEnded(2), FinalHeard(2, "Okay."))
    assert (after.state, after.data.reply) == ("speaking.opening", reply)
    assert call.on(PartialHeard(2, "okay but wait")).state == "listening.hearing"
