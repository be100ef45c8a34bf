"""The state `greeting`."""

from __future__ import annotations

from callchart.engine.chart import Outcome, begin
from callchart.engine.data import Facts, Reply
from callchart.engine.effects import AnswerLine, StartReply, StopPlayback
from callchart.engine.events import (
    PlaybackFinished,
    PlaybackStarted,
    ReplyFailed,
    SoundQueued,
    SpeechEnded,
    SpeechStarted,
)
from callchart.states import CHART
from callchart.states.data import PhoneData
from callchart.states.settings import PhoneSettings
from tests.states.situations import GREETING, call_in


def test_a_call_begins_with_picking_up_and_the_greeting() -> None:
    step = begin(CHART, PhoneData.begin(PhoneSettings(), 0, Facts()))
    assert step.after.leaf == "call.turn.greeting.clear"
    assert step.entry_effects == (AnswerLine(), StartReply(GREETING))


def test_the_callers_turn_follows_the_greeting() -> None:
    after = call_in("greeting.clear").on(PlaybackStarted(1), PlaybackFinished(1))
    assert after.state == "listening.waiting"
    assert after.effects == (StopPlayback(),)


def test_a_caller_who_speaks_during_the_greeting_silences_it() -> None:
    over = call_in("greeting.clear").on(SpeechStarted(1))
    assert (over.state, over.effects) == ("greeting.overlapped", ())
    after = over.due("barge_in_speech")
    assert (after.seconds, after.state) == (0.1, "barged_in.speech")
    assert (after.data.interrupted, after.effects) == ("greeting", (StopPlayback(),))


def test_a_click_leaves_the_greeting_playing() -> None:
    after = call_in("greeting.clear").on(SpeechStarted(1)).on(SpeechEnded(1), after=0.05)
    assert (after.state, after.effects, after.data.ended) == ("greeting.clear", (), 1)


def test_the_agent_apologises_for_a_failed_greeting() -> None:
    broken = call_in("greeting.clear").on(ReplyFailed(1, "synthesis", "it broke"))
    assert (broken.outcome, broken.state) == (Outcome.STAYED, "greeting.clear")
    after = broken.on(PlaybackFinished(1))
    assert (after.state, after.purpose) == ("speaking.opening", "apology")
    assert after.effects == (StopPlayback(), StartReply(after.data.reply))


def test_an_unheard_greeting_is_given_up_after_the_margin() -> None:
    after = call_in("greeting.clear").due("playback_stuck")
    assert (after.seconds, after.state, after.purpose) == (3.0, "speaking.opening", "apology")
    assert StartReply(after.data.reply) in after.effects


def test_playback_stuck_waits_for_queued_sound() -> None:
    after = call_in("greeting.clear").on(SoundQueued(1, 0, 2.0), after=0.5)
    assert after.remaining("playback_stuck") == 2.0 + 3.0


def test_the_first_sound_changes_nothing() -> None:
    call = call_in("greeting.clear", reply=Reply(1, "greeting"))
    after = call.on(PlaybackStarted(1))
    assert (after.outcome, after.configuration) == (Outcome.IGNORED, call.configuration)
