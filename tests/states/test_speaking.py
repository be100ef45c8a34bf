"""A reply plays, chunk by chunk."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import Reply, Said
from callchart.engine.effects import HangUpLine, StartReply, StopPlayback, TransferCall
from callchart.engine.events import (
    FinalHeard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    ReplyFailed,
    ReplyWritten,
    SoundQueued,
    SpeechEnded,
    SpeechStarted,
)
from callchart.states.settings import PhoneSettings
from tests.states.situations import APOLOGY, FAREWELL, SPOKEN, call_in

LEAVES = ("opening", "chunks")
#: A reply whose first sound the caller heard.
HEARD = replace(SPOKEN, heard=True)
BROKEN = replace(SPOKEN, failure="it broke")


@pytest.mark.parametrize("leaf", LEAVES)
def test_the_callers_turn_follows_a_reply(leaf: str) -> None:
    after = call_in(leaf, apologies=2).on(PlaybackFinished(2))
    assert (after.state, after.effects) == ("listening.waiting", (StopPlayback(),))
    assert after.data.apologies == 0


def test_an_apology_does_not_reset_the_apologies() -> None:
    assert call_in("chunks", reply=APOLOGY, apologies=2).on(PlaybackFinished(2)).data.apologies == 2


@pytest.mark.parametrize("reply", [FAREWELL, replace(SPOKEN, ends_call=True)])
def test_a_goodbye_leads_to_a_hangup(reply: Reply) -> None:
    after = call_in("chunks", reply=reply).on(PlaybackFinished(2))
    assert (after.state, after.effects) == ("hangup", (StopPlayback(), HangUpLine()))


def test_a_goodbye_that_failed_still_ends_the_call() -> None:
    failed = call_in("chunks", reply=FAREWELL).on(ReplyFailed(2, "synthesis", "it broke"))
    assert failed.on(PlaybackFinished(2)).state == "hangup"


@pytest.mark.parametrize(("apologies", "purpose"), [(0, "apology"), (1, "apology"), (2, "regret")])
def test_the_agent_apologises_at_the_end_of_an_incomplete_reply(
    apologies: int, purpose: str
) -> None:
    failed = call_in("chunks", apologies=apologies).on(ReplyFailed(2, "text", "it broke"))
    assert (failed.state, failed.outcome) == ("speaking.chunks", Outcome.STAYED)
    after = failed.on(PlaybackFinished(2))
    assert (after.state, after.purpose) == ("speaking.opening", purpose)
    assert after.effects == (StopPlayback(), StartReply(after.data.reply))


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize(("apologies", "purpose"), [(0, "apology"), (2, "regret")])
def test_a_playback_without_events_is_given_up(leaf: str, apologies: int, purpose: str) -> None:
    call = call_in(leaf, apologies=apologies)
    after = (call if leaf == "chunks" else call.due("barge_in_guard")).due("playback_stuck")
    assert (after.seconds, after.state, after.purpose) == (3.0, "speaking.opening", purpose)
    assert after.effects == (StopPlayback(), StartReply(after.data.reply))


TRANSFER = replace(SPOKEN, transfer_to="100")


def test_a_reply_with_a_transfer_leads_to_transferring() -> None:
    after = call_in("chunks", reply=TRANSFER).on(PlaybackFinished(2))
    assert (after.state, after.effects) == ("transferring", (StopPlayback(), TransferCall("100")))
    assert call_in("chunks", reply=TRANSFER).due("playback_stuck").state == "transferring"


def test_a_goodbye_that_gets_stuck_still_ends_the_call() -> None:
    assert call_in("chunks", reply=FAREWELL, apologies=2).due("playback_stuck").state == "hangup"


@pytest.mark.parametrize("leaf", LEAVES)
def test_playback_stuck_waits_for_queued_sound(leaf: str) -> None:
    after = call_in(leaf).on(SoundQueued(2, 0, 2.0), SoundQueued(2, 1, 1.0), after=1.0 / 4)
    assert (after.outcome, after.remaining("playback_stuck")) == (Outcome.STAYED, 3.0 + 3.0)


def test_a_caller_may_interrupt() -> None:
    over = call_in("chunks").on(SpeechStarted(2), SpeechStarted(3), PlaybackStarted(2))
    assert (over.state, over.effects) == ("speaking.overlapped", ())
    after = over.due("barge_in_speech")
    assert (after.seconds, after.state) == (0.1, "barged_in.speech")
    assert (after.data.interrupted, after.effects) == ("speaking", (StopPlayback(),))


def test_a_click_leaves_the_reply_playing() -> None:
    after = call_in("chunks").on(SpeechStarted(2)).on(SpeechEnded(2), after=0.05)
    assert (after.state, after.effects, after.data.ended) == ("speaking.chunks", (), 2)


def test_a_goodbye_is_not_interrupted() -> None:
    after = call_in("chunks", reply=FAREWELL).on(SpeechStarted(2))
    assert (after.state, after.outcome) == ("speaking.chunks", Outcome.IGNORED)
    after = call_in("opening", reply=FAREWELL).on(SpeechStarted(2))
    assert (after.state, after.outcome) == ("speaking.opening", Outcome.DEFERRED)


def test_a_caller_who_goes_on_before_the_first_sound_takes_the_turn_back() -> None:
    after = call_in("opening").on(SpeechStarted(2))
    assert (after.state, after.data.interrupted) == ("barged_in.speech", "speaking")
    assert after.effects == (StopPlayback(),)


def test_the_guard_lasts_from_the_first_sound() -> None:
    heard = call_in("opening").on(PlaybackStarted(2), after=0.3)
    assert (heard.outcome, heard.data.reply) == (Outcome.STAYED, HEARD)
    assert (heard.remaining("barge_in_guard"), heard.remaining("playback_stuck")) == (0.4, 3.0)
    after = heard.due("barge_in_guard")
    assert (after.seconds, after.state) == (0.7, "speaking.chunks")


@pytest.mark.parametrize(
    ("sound", "written", "left"),
    [
        ([SoundQueued(2, 0, 3.0)], 1, 1.0),
        ([SoundQueued(2, 0, 1.0)], 1, 0.0),
        ([SoundQueued(2, 0, 1.0), SoundQueued(2, 1, 4.0)], 2, 3.0),
        ([SoundQueued(2, 0, 3.0)], 2, inf),
        ([SoundQueued(2, 0, 3.0)], None, inf),
        ([SoundQueued(2, 0, 3.0, complete=False)], 1, inf),
        ([SoundQueued(2, 0, 2.5, complete=False), SoundQueued(2, 0, 0.0)], 1, 0.5),
    ],
)
def test_the_rest_of_a_reply_is_known_once_its_last_chunk_plays(
    sound: list[SoundQueued], written: int | None, left: float
) -> None:
    call = call_in("chunks").on(*sound)
    if written is not None:
        call = call.on(ReplyWritten(2, written, written, ends_call=False))
    after = call.on(SpeechStarted(2), after=1.9).due("barge_in_speech")
    assert after.data.left_s == left


def test_settings_set_the_guard_and_the_margin() -> None:
    settings = PhoneSettings(barge_in_guard=0.1, playback_margin=1.0)
    guarded = call_in("opening", settings=settings).due("barge_in_guard")
    assert (guarded.seconds, guarded.due("playback_stuck").seconds) == (0.1, 1.0)


def test_speech_within_the_guard_interrupts_when_it_is_still_going_on_after_it() -> None:
    early = call_in("opening", reply=HEARD).on(SpeechStarted(2), after=0.2)
    assert (early.outcome, early.state) == (Outcome.DEFERRED, "speaking.opening")
    after = early.due("barge_in_guard").due().due("barge_in_speech")
    assert (after.seconds, after.state) == (0.5, "barged_in.speech")


def test_speech_within_the_guard_of_a_very_short_reply_is_heard_after_it() -> None:
    early = call_in("opening", reply=HEARD).on(SpeechStarted(2), after=0.2)
    after = early.on(PlaybackFinished(2), after=0.1).due()
    assert after.state == "listening.hearing"


def test_a_cough_within_the_guard_does_not_even_pause_the_reply() -> None:
    early = call_in("opening", reply=HEARD).on(SpeechStarted(2), SpeechEnded(2))
    after = early.due("barge_in_guard").due()
    assert (after.outcome, after.state) == (Outcome.LATE, "speaking.chunks")


def test_words_within_the_guard_still_count() -> None:
    early = call_in("opening", reply=HEARD).on(
        SpeechStarted(2), SpeechEnded(2), FinalHeard(2, "stop")
    )
    assert (early.state, early.due().outcome) == ("listening.interrupted", Outcome.LATE)


def test_a_first_sound_that_comes_late_begins_the_guard() -> None:
    late = call_in("chunks").on(PlaybackStarted(2), after=3.0)
    assert (late.state, late.remaining("barge_in_guard")) == ("speaking.opening", 0.4)


def test_a_reply_with_a_hangup_ends_the_call() -> None:
    written = call_in("chunks").on(ReplyWritten(2, 2, 2, ends_call=True))
    assert (written.state, written.outcome) == ("speaking.chunks", Outcome.STAYED)
    assert written.on(PlaybackFinished(2)).state == "hangup"


@pytest.mark.parametrize("leaf", ["speaking.overlapped", "greeting.overlapped"])
def test_a_caller_who_speaks_as_a_reply_ends_is_heard(leaf: str) -> None:
    after = call_in(leaf, apologies=2).on(SpeechStarted(1))
    after = after.on(PlaybackFinished(after.data.reply.number))
    assert (after.state, after.data.apologies) == ("listening.hearing", 0)
    said = after.on(PlaybackStopped(after.data.reply.number, "Hello."))
    assert not said.data.said[-1].interrupted


@pytest.mark.parametrize("reply", [FAREWELL, BROKEN, TRANSFER])
def test_speech_as_a_reply_ends_does_not_change_the_next_state(reply: Reply) -> None:
    at_once = call_in("speaking.chunks", reply=reply).on(PlaybackFinished(2))
    assert (
        call_in("speaking.overlapped", reply=reply).on(PlaybackFinished(2)).state == at_once.state
    )


def test_earlier_words_take_the_turn_while_the_caller_speaks_again() -> None:
    after = call_in("speaking.overlapped", ended=1).on(FinalHeard(1, "the small one"))
    assert (after.state, after.data.question) == ("listening.hearing", ("the small one",))
    heard = after.on(PlaybackStopped(2, "Take the large"))
    assert heard.data.said == (Said("agent", "Take the large", 2, interrupted=True),)
