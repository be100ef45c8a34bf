"""The model writes the answer. A filler bridges the silence."""

from __future__ import annotations

from typing import Any

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import Reply
from callchart.engine.effects import StartReply, StopPlayback
from callchart.engine.events import (
    FillerFinished,
    FillerStarted,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
    SpeechStarted,
)
from callchart.states.settings import PhoneSettings
from tests.states.situations import RIGHT, SO, SPOKEN, WELL_NOW, call_in

FILLERS = (WELL_NOW, SO, RIGHT)
LEAVES = ("silent", "filling.filler", "filling.filler_ending")
#: Data of a call whose filler began as it entered the test's state.
FILLING: dict[str, Any] = {"filler": 0, "last_filler": 0, "fillers": (WELL_NOW,)}


def test_the_first_sound_of_the_answer_is_spoken() -> None:
    after = call_in("silent").on(ReplyReady(2))
    assert (after.state, after.data.reply) == ("speaking.opening", SPOKEN)
    assert after.effects == ()


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_caller_who_speaks_again_stops_the_playback(leaf: str) -> None:
    after = call_in(leaf, **FILLING).on(SpeechStarted(2))
    assert (after.state, after.data.interrupted) == ("barged_in.speech", "thinking")
    assert (StopPlayback() in after.effects) is (leaf != "silent")


@pytest.mark.parametrize("leaf", LEAVES[:2])
@pytest.mark.parametrize(("apologies", "purpose"), [(0, "apology"), (1, "apology"), (2, "regret")])
def test_the_agent_apologises_for_two_failures_and_the_third_ends_the_call(
    leaf: str, apologies: int, purpose: str
) -> None:
    failed = ReplyFailed(2, "text", "it broke")
    after = call_in(leaf, apologies=apologies, **FILLING).on(failed)
    assert (after.state, after.purpose) == ("speaking.opening", purpose)
    assert StartReply(after.data.reply) in after.effects


@pytest.mark.parametrize(("apologies", "purpose"), [(0, "apology"), (2, "regret")])
def test_a_missing_answer_is_a_failure(apologies: int, purpose: str) -> None:
    after = call_in("silent", apologies=apologies).due("filler").due("reply_wait")
    assert (after.seconds, after.state, after.purpose) == (8.0, "speaking.opening", purpose)
    assert after.effects == (StartReply(after.data.reply),)


def test_fillers_do_not_extend_the_wait_for_the_answer() -> None:
    filled = call_in("silent", fillers=FILLERS).due("filler").on(FillerFinished(), after=1.0)
    assert filled.remaining("reply_wait") == 7.0


def test_a_hangup_of_the_model_without_words_begins_the_farewell() -> None:
    after = call_in("silent").on(ReplyWritten(2, 0, 0, ends_call=True))
    assert (after.state, after.purpose) == ("speaking.opening", "farewell")
    assert after.effects == (StartReply(after.data.reply),)


def test_a_hangup_of_the_model_with_words_waits_for_them() -> None:
    after = call_in("silent").on(ReplyWritten(2, 1, 1, ends_call=True))
    assert (after.outcome, after.state) == (Outcome.STAYED, "thinking.silent")
    assert (after.purpose, after.data.reply.ends_call) == ("answer", True)


def test_a_filler_begins_immediately_by_default() -> None:
    at_once = call_in("silent", fillers=FILLERS).due("filler")
    assert (at_once.seconds, at_once.state) == (0.0, "thinking.filling.filler")
    later = call_in("silent", fillers=FILLERS, settings=PhoneSettings(filler_after=0.5)).due(
        "filler"
    )
    assert (later.seconds, later.data.filler_at_us) == (0.5, 500_000)


def test_a_call_without_fillers_stays_silent() -> None:
    after = call_in("silent").due("filler")
    assert (after.outcome, after.state) == (Outcome.IGNORED, "thinking.silent")


def test_a_turn_has_one_filler() -> None:
    filled = call_in("silent", fillers=FILLERS).due("filler").on(FillerFinished(), after=1.0)
    assert (filled.state, filled.effects) == ("thinking.silent", (StopPlayback(),))
    assert filled.due("filler").outcome is Outcome.IGNORED


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("last", [None, 0, 1, 2])
def test_the_same_filler_is_not_chosen_twice_in_a_row(seed: int, last: int | None) -> None:
    after = call_in("silent", fillers=FILLERS, seed=seed, last_filler=last).due("filler")
    assert after.data.filler == after.data.last_filler != last


def test_seeds_and_replies_vary_the_filler() -> None:
    calls = [call_in("silent", fillers=FILLERS, seed=seed) for seed in range(3)]
    assert {call.due("filler").data.filler for call in calls} == {0, 1, 2}
    replies = [call_in("silent", fillers=FILLERS, reply=Reply(n, "answer")) for n in range(3)]
    assert {call.due("filler").data.filler for call in replies} == {0, 1, 2}


def test_the_only_filler_is_chosen_every_time() -> None:
    assert call_in("silent", fillers=(SO,), last_filler=0).due("filler").data.filler == 0


def test_a_fillers_words_count_from_its_first_sound() -> None:
    after = call_in("filling.filler", **FILLING).on(FillerStarted("Well now,"), after=0.1)
    assert (after.outcome, after.data.filler_at_us) == (Outcome.STAYED, 80_000)


@pytest.mark.parametrize(
    ("ready", "rest"),
    [
        (0.2, 0.1),  # "Well" ends at 0.3
        (0.3, 0.0),
        (0.35, 0.15),  # "now," ends at 0.9: too far
        (0.85, 0.05),
        (0.95, 0.0),  # all words are said
    ],
)
def test_a_ready_answer_waits_for_the_end_of_a_word_within_a_limit(
    ready: float, rest: float
) -> None:
    ending = call_in("filling.filler", **FILLING).on(ReplyReady(2), after=ready)
    assert (ending.state, ending.data.reply.ready) == ("thinking.filling.filler_ending", True)
    assert ending.effects == ()
    after = ending.due("word_ends")
    assert after.seconds == pytest.approx(ready + rest)
    assert (after.state, after.effects) == ("speaking.opening", (StopPlayback(),))


def test_settings_limit_the_wait_of_a_ready_answer() -> None:
    settings = PhoneSettings(filler_ending=0.4)
    ending = call_in("filling.filler", settings=settings, **FILLING).on(ReplyReady(2), after=0.35)
    assert ending.remaining("word_ends") == pytest.approx(0.4)


def test_the_answer_begins_when_the_filler_ends() -> None:
    after = call_in("filling.filler_ending", reply=SPOKEN, **FILLING).on(FillerFinished())
    assert (after.state, after.effects) == ("speaking.opening", (StopPlayback(),))


def test_a_second_reply_ready_changes_nothing() -> None:
    call = call_in("filling.filler_ending", reply=SPOKEN, **FILLING)
    assert call.on(ReplyReady(2)).outcome is Outcome.IGNORED


def test_an_answer_that_fails_after_it_is_ready_is_still_spoken() -> None:
    call = call_in("filling.filler_ending", reply=SPOKEN, **FILLING)
    after = call.on(ReplyFailed(2, "synthesis", "it broke"))
    assert (after.outcome, after.state) == (Outcome.STAYED, "thinking.filling.filler_ending")
    assert after.data.reply.failure == "it broke"
