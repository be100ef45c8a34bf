"""The current reply and the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from callchart.engine.data import Facts, Reply, Scripts
from callchart.engine.effects import StartReply
from callchart.engine.events import (
    PlaybackFinished,
    ReplyFailed,
    ReplyWritten,
    SoundQueued,
)
from callchart.states.data import PhoneData
from callchart.states.replies import (
    apologies_are_used_up,
    begin_answer,
    begin_apology,
    begin_farewell,
    begin_regret,
    begin_reprompt,
    failed_with_apologies_used_up,
    greeting_was_interrupted,
    hangs_up_without_words,
    interrupt_greeting,
    interrupt_speaking,
    interrupt_thinking,
    may_not_be_interrupted,
    note_failure,
    note_ready,
    note_sound,
    note_written,
    playback_limit,
    reply_can_be_spoken,
    reply_ends_call,
    reply_failed,
    reply_transfers_call,
    reprompts_are_used_up,
    reset_apologies,
    script,
    start_reply,
)
from callchart.states.settings import PhoneSettings
from tests.states.situations import ANSWER, APOLOGY, FAREWELL, SPOKEN

ANY = PlaybackFinished(2)
SCRIPTS = Scripts(
    reprompt="Still there?", apology="Sorry.", regret="It is no use.", farewell="Goodbye."
)
BROKEN = replace(ANSWER, failure="the connection broke")


def data(**fields: object) -> PhoneData:
    """Return the data of a call that speaks an answer."""
    known = {"reply": SPOKEN, "facts": Facts(scripts=SCRIPTS), "filler": 1, "sound_until_us": 9}
    return PhoneData(**{**known, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("begin", "reply"),
    [
        (begin_answer, Reply(3, "answer")),
        (begin_reprompt, Reply(3, "reprompt", "Still there?")),
        (begin_apology, Reply(3, "apology", "Sorry.")),
        (begin_farewell, Reply(3, "farewell", "Goodbye.", interruptible=False, ends_call=True)),
        (begin_regret, Reply(3, "regret", "It is no use.", interruptible=False, ends_call=True)),
        (script("offer", "We have nails."), Reply(3, "offer", "We have nails.")),
        (
            script("rules", "No refunds.", interruptible=False),
            Reply(3, "rules", "No refunds.", interruptible=False),
        ),
        (
            script("enough", "Goodbye.", ends_call=True),
            Reply(3, "enough", "Goodbye.", ends_call=True),
        ),
    ],
    ids=lambda given: given.purpose if isinstance(given, Reply) else "",
)
def test_the_next_reply_starts_without_the_data_of_the_last(
    begin: Callable[[PhoneData], PhoneData], reply: Reply
) -> None:
    begun: PhoneData = begin(data())
    assert begun.reply == reply
    assert (begun.filler, begun.sound_until_us) == (None, 0)


def test_a_script_of_an_author_is_named_in_diagrams_by_its_purpose() -> None:
    assert script("offer", "We have nails.").__name__ == "begin_offer"


def test_reprompts_and_apologies_are_counted() -> None:
    asked, failed = begin_reprompt(data(reprompts=1)), begin_apology(data())
    assert (asked.reprompts, asked.apologies) == (2, 0)
    assert (failed.reprompts, failed.apologies) == (0, 1)


@pytest.mark.parametrize(("counted", "used_up"), [(0, False), (1, False), (2, True), (3, True)])
def test_two_reprompts_and_two_apologies_are_allowed(counted: int, used_up: bool) -> None:
    assert reprompts_are_used_up(data(reprompts=counted, apologies=9 - counted)) is used_up
    assert apologies_are_used_up(data(apologies=counted, reprompts=9 - counted)) is used_up


def test_settings_set_the_number_of_reprompts_and_apologies() -> None:
    settings = PhoneSettings(reprompts=0, apologies=1)
    assert reprompts_are_used_up(data(settings=settings))
    assert not apologies_are_used_up(data(settings=settings))


@pytest.mark.parametrize(
    ("reply", "apologies", "last_time"),
    [(BROKEN, 2, True), (BROKEN, 1, False), (SPOKEN, 2, False)],
)
def test_a_failure_after_the_last_apology_is_the_last(
    reply: Reply, apologies: int, last_time: bool
) -> None:
    known = data(reply=reply, apologies=apologies)
    assert failed_with_apologies_used_up(known) is last_time


@pytest.mark.parametrize(
    ("guard", "yes", "no"),
    [
        (may_not_be_interrupted, FAREWELL, SPOKEN),
        (reply_ends_call, FAREWELL, SPOKEN),
        (reply_failed, BROKEN, SPOKEN),
        (reply_transfers_call, replace(SPOKEN, transfer_to="100"), SPOKEN),
    ],
)
def test_guards_read_the_current_reply(
    guard: Callable[[PhoneData], bool], yes: Reply, no: Reply
) -> None:
    assert guard(data(reply=yes))
    assert not guard(data(reply=no))


@pytest.mark.parametrize(
    ("chunks", "ends_call", "only"), [(0, True, True), (1, True, False), (0, False, False)]
)
def test_a_model_may_hang_up_without_a_word(chunks: int, ends_call: bool, only: bool) -> None:
    assert hangs_up_without_words(ReplyWritten(2, chunks, 0, ends_call)) is only


def test_the_interrupted_state_is_remembered() -> None:
    assert greeting_was_interrupted(interrupt_greeting(data(), 0))
    assert not greeting_was_interrupted(interrupt_thinking(data()))
    assert not greeting_was_interrupted(interrupt_speaking(data(), 0))


def test_a_reply_can_be_spoken_when_it_is_ready_or_was_spoken() -> None:
    assert reply_can_be_spoken(interrupt_speaking(data(reply=ANSWER), 0))
    assert reply_can_be_spoken(interrupt_thinking(data(reply=SPOKEN)))
    assert not reply_can_be_spoken(interrupt_thinking(data(reply=ANSWER)))


def test_the_events_of_the_reply_are_noted() -> None:
    assert note_ready(data(reply=ANSWER)).reply == SPOKEN
    failed = note_failure(data(), ReplyFailed(2, "text", "it broke"))
    assert failed.reply == replace(SPOKEN, failure="it broke")
    ending = note_written(data(), ReplyWritten(2, 1, 1, ends_call=True))
    assert ending.reply == replace(SPOKEN, chunks=1, ends_call=True)
    handing_on = note_written(data(), ReplyWritten(2, 1, 1, False, "100"))
    assert handing_on.reply == replace(SPOKEN, chunks=1, transfer_to="100")


def test_a_complete_text_does_not_cancel_a_goodbye() -> None:
    farewell = data(reply=FAREWELL)
    written = note_written(farewell, ReplyWritten(2, 1, 0, ends_call=False))
    assert written.reply == replace(FAREWELL, chunks=1)


def test_a_completed_reply_resets_the_apologies() -> None:
    assert reset_apologies(data(apologies=2)).apologies == 0
    assert reset_apologies(data(apologies=2, reply=APOLOGY)).apologies == 2


def test_queued_sound_extends_the_end_of_the_sound_before_it() -> None:
    one = note_sound(data(sound_until_us=0), SoundQueued(2, 0, 1.5), 1_000_000)
    two = note_sound(one, SoundQueued(2, 1, 0.5), 2_000_000)
    after_a_gap = note_sound(two, SoundQueued(2, 2, 0.5), 5_000_000)
    assert (one.sound_until_us, two.sound_until_us) == (2_500_000, 3_000_000)
    assert after_a_gap.sound_until_us == 5_500_000


def test_a_playback_is_overdue_after_its_sound_and_a_margin() -> None:
    assert playback_limit(data(sound_until_us=2_500_000), 1_000_000) == 1.5 + 3.0
    assert playback_limit(data(sound_until_us=2_500_000), 4_000_000) == 3.0
    patient = PhoneSettings(playback_margin=5.0)
    assert playback_limit(data(sound_until_us=0, settings=patient), 4_000_000) == 5.0


def test_the_effect_starts_the_reply_that_is_next() -> None:
    assert start_reply(data()) == StartReply(SPOKEN)
