"""Drafts: answers that begin before the end of the turn is certain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callchart.engine.data import Said
from callchart.engine.effects import StartDraft, StartReply
from callchart.engine.events import (
    FinalHeard,
    HangUpRequested,
    PartialHeard,
    ReplyFailed,
    ReplyReady,
    SpeechEnded,
    SpeechStarted,
    ToolFinished,
)
from callchart.states.settings import PhoneSettings
from tests.states.situations import ANSWER, CallInState, call_in

ONE = PhoneSettings(drafts=1)


def silent(leaf: str = "pause", settings: PhoneSettings = ONE, **data: Any) -> CallInState:
    return call_in(leaf, settings=settings, ended=1, **data)


def test_no_draft_begins_by_default() -> None:
    assert silent(settings=PhoneSettings()).on(FinalHeard(1, "nails")).effects == ()


def test_a_draft_begins_with_the_history_of_an_answer() -> None:
    history = (Said("agent", "Hello.", 1), Said("caller", "I would like"))
    after = silent(history=history).on(FinalHeard(1, "nails"))
    asked = (history[0], Said("caller", "I would like nails"))
    assert after.effects == (StartDraft(replace(ANSWER, number=2), asked),)
    assert (after.state, after.data.history) == ("settling.pause", history)
    assert StartDraft(ANSWER, asked).described() == {"reply": 2, "purpose": "answer"}


def test_a_tools_result_drops_the_draft_and_another_answer_knows_it() -> None:
    begun = silent().on(FinalHeard(1, "which one"), ReplyReady(2))
    after = begun.on(ToolFinished(1, "book", "{}", "number 7")).due("end_of_turn")
    assert (after.state, after.data.reply.number) == ("thinking.silent", 3)


@pytest.mark.parametrize("more", ["nails", "Nails."])
def test_a_partial_is_answered_once_it_is_the_same_twice(more: str) -> None:
    once = silent().on(PartialHeard(1, "nails"))
    assert once.effects == ()
    assert once.on(PartialHeard(1, f"{more} and")).effects == ()
    twice = once.on(PartialHeard(1, more))
    assert isinstance(twice.effects[0], StartDraft)
    assert twice.on(PartialHeard(1, "nails")).effects == ()
    assert once.on(PartialHeard(2, "nails")).effects == ()


def test_the_second_of_two_partials_may_say_that_it_is_a_question() -> None:
    twice = silent().on(PartialHeard(1, "nails"), PartialHeard(1, "nails?"))
    assert isinstance(twice.effects[0], StartDraft)
    assert twice.remaining("end_of_turn") == ONE.end_of_turn_least < ONE.end_of_turn


def test_a_draft_that_is_ready_is_heard_as_the_turn_ends() -> None:
    ready = silent().on(FinalHeard(1, "nails")).on(ReplyReady(2))
    after = ready.due("end_of_turn")
    assert (after.state, after.data.reply.number) == ("speaking.opening", 2)
    assert after.effects == (StartReply(after.data.reply),)
    assert after.data.said == (Said("caller", "nails"),)
    assert (after.data.draft, after.data.drafted) == ("", 0)


def test_a_draft_that_is_not_ready_is_written_on_as_the_answer() -> None:
    after = silent().on(FinalHeard(1, "nails")).due("end_of_turn")
    assert (after.state, after.data.reply.number) == ("thinking.silent", 2)
    assert after.on(ReplyReady(2)).state == "speaking.opening"


def test_the_pending_final_may_confirm_the_draft() -> None:
    unconfirmed = silent().on(PartialHeard(1, "nails"), PartialHeard(1, "nails"), ReplyReady(2))
    words = unconfirmed.due("end_of_turn")
    assert words.state == "settling.words"
    after = words.on(FinalHeard(1, "Nails!"))
    assert (after.state, after.data.reply.number) == ("speaking.opening", 2)
    assert after.data.said[-1].text == "Nails!"
    later = unconfirmed.due("end_of_turn").on(FinalHeard(1, "nails and glue"))
    assert (later.state, later.data.reply.number) == ("thinking.silent", 3)


def test_a_draft_of_other_words_is_replaced_while_the_turn_may_have_more() -> None:
    first = silent(settings=PhoneSettings(drafts=2)).on(FinalHeard(1, "nails"))
    second = first.on(SpeechEnded(2)).on(FinalHeard(2, "and glue"))
    assert second.effects[0] == StartDraft(
        replace(ANSWER, number=3), (Said("caller", "nails and glue"),)
    )
    third = second.on(SpeechEnded(3)).on(FinalHeard(3, "and screws"))
    assert third.effects == ()
    after = third.on(ReplyReady(3)).due("end_of_turn")
    assert (after.state, after.data.reply.number) == ("thinking.silent", 4)


def test_no_draft_begins_while_a_final_is_pending() -> None:
    after = silent().on(SpeechEnded(2)).on(FinalHeard(1, "nails"))
    assert after.effects == ()


def test_a_failed_draft_is_replaced_by_an_answer() -> None:
    failed = silent().on(FinalHeard(1, "nails")).on(ReplyReady(2), ReplyFailed(2, "text", "broke"))
    after = failed.due("end_of_turn")
    assert (after.state, after.data.reply.number) == ("thinking.silent", 3)


def test_a_caller_who_goes_on_ends_the_draft() -> None:
    after = silent().on(FinalHeard(1, "nails")).on(SpeechStarted(2))
    assert (after.state, after.data.draft, after.data.drafted) == ("listening.hearing", "", 1)
    again = after.on(SpeechEnded(2)).on(FinalHeard(2, ""))
    assert again.due("end_of_turn").data.reply.number == 3


def test_an_empty_final_that_removes_the_words_ends_the_draft() -> None:
    drafted = silent().on(PartialHeard(1, "nails"), PartialHeard(1, "nails"))
    after = drafted.on(FinalHeard(1, ""))
    assert (after.state, after.data.draft) == ("listening.waiting", "")


def test_a_goodbye_ends_the_draft() -> None:
    after = silent().on(FinalHeard(1, "nails")).on(HangUpRequested("drain"))
    assert (after.purpose, after.data.draft, after.data.reply.number) == ("farewell", "", 3)
