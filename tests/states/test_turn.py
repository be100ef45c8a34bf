"""The agent's turn: reactions to speech and to the reply in all of its states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.data import Reply, Said
from callchart.engine.effects import StopPlayback
from callchart.engine.events import FinalHeard, PartialHeard, ReplyReady, SpeechEnded
from tests.states.situations import FAREWELL, SPOKEN, call_in

LEAVES = ("greeting.clear", "thinking.silent", "speaking.opening", "speaking.chunks")


@pytest.mark.parametrize("leaf", LEAVES)
def test_late_words_after_a_false_alarm_still_count(leaf: str) -> None:
    after = call_in(leaf).on(FinalHeard(2, "no, nothing"))
    assert (after.state, after.data.question) == ("listening.interrupted", ("no, nothing",))
    assert (StopPlayback() in after.effects) is (leaf != "thinking.silent")
    assert after.due("settle").state == "settling.pause"


def test_late_words_cut_off_a_resumed_reply() -> None:
    said = (Said("agent", "Goodbye,", 2),)
    call = call_in("speaking.chunks", reply=replace(SPOKEN, ends_call=True), history=said)
    after = call.on(FinalHeard(2, "wait"))
    assert after.data.history == (replace(said[0], interrupted=True),)
    assert not after.data.reply.ends_call


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_late_empty_final_changes_no_state(leaf: str) -> None:
    call = call_in(leaf)
    after = call.on(FinalHeard(2, ""))
    assert (after.configuration, after.data.recognised) == (call.configuration, 2)


def test_words_during_a_goodbye_are_noted_and_it_goes_on() -> None:
    after = call_in("speaking.chunks", reply=FAREWELL).on(FinalHeard(2, "wait"))
    assert (after.outcome, after.state) == (Outcome.STAYED, "speaking.chunks")
    assert after.data.question == ("wait",)


@pytest.mark.parametrize("leaf", ["greeting.clear", "thinking.silent", "speaking.chunks"])
def test_partials_and_ends_of_speech_are_noted(leaf: str) -> None:
    call = call_in(leaf)
    after = call.on(PartialHeard(2, "no"), SpeechEnded(2))
    assert after.configuration == call.configuration
    assert (after.data.partial, after.data.ended) == ("no", 2)


def test_reply_ready_is_noted_while_a_reply_plays() -> None:
    after = call_in("speaking.chunks", reply=Reply(2, "answer")).on(ReplyReady(2))
    assert (after.outcome, after.data.reply) == (Outcome.STAYED, SPOKEN)
