"""What the log says of calls: when each begins and ends, and nothing of what people say."""

from __future__ import annotations

import logging
import re

import pytest

from callchart.adapters.service.run.call_log import CallLog
from callchart.engine.events import CallerHungUp, LineClosed, ReplyReady, ReplyWritten
from callchart.states import CHART
from tests.adapters.service.told import WHOLE_CALL, Told


def call(log: CallLog, call_id: str) -> Told:
    """A call that begins, and that the log watches."""
    return Told(watch=lambda step: log.step(call_id, step))


def test_a_call_has_a_line_when_it_begins_and_one_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    log = CallLog(CHART)
    told = call(log, "one")
    assert [*log.under_way] == ["one"]
    told.then(4.0, CallerHungUp("busy")).then(4.25, LineClosed())
    assert [*log.under_way] == []
    assert caplog.messages == [
        "call one: begins",
        "call one: ended after 4.2 s: the caller hung up (busy)",
    ]


def test_its_answers_are_told_where_there_were_any(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "callchart")
    log = CallLog(CHART)
    told = call(log, "one")
    for at, (event, heard) in WHOLE_CALL.items():
        match event:
            case ReplyReady(reply=1):
                # A script does not count as an answer.
                told.then(at, ReplyWritten(1, 1, 0, False))
            case ReplyReady(reply=2):
                told.then(at, ReplyWritten(2, 3, 2, False, first_chunk=0.4))
            case ReplyReady(reply=3):
                told.then(at, ReplyWritten(3, 3, 0, False, first_chunk=0.8))
        told.then(at, event, heard=heard)
    # Of a reply that was over.
    told.then(12.03, ReplyWritten(2, 9, 0, False, first_chunk=9.0))
    figures = (
        'answers: 2, of them with the model\'s own "|": 1, cuts without it: 2, '
        "first chunk after 0.60 s on average, 0.80 s at most"
    )
    assert caplog.messages[-1] == f"call one: {figures}"
    assert str(log.answers) == figures


def test_its_states_are_told_to_those_who_debug_and_its_words_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "callchart")
    told = call(CallLog(CHART), "one")
    for at, (event, heard) in WHOLE_CALL.items():
        told.then(at, event, heard=heard)
    assert "call one: listening.hearing at 3.000 s" in caplog.messages
    words = {word for _, heard in WHOLE_CALL.values() for word in re.findall(r"\w{4,}", heard)}
    assert words
    assert not words & set(re.findall(r"\w+", caplog.text))


def test_calls_are_told_apart_and_counted() -> None:
    log = CallLog(CHART)
    one, other = call(log, "one"), call(log, "other")
    one.then(4.0, LineClosed()).until(5.0)
    other.then(4.0, CallerHungUp())
    assert (log.taken, log.failures, log.under_way) == (2, 0, ("other",))


def test_a_call_that_fails_is_counted_whether_it_had_begun_or_not() -> None:
    log = CallLog(CHART)
    call(log, "one")
    log.failed("one", RuntimeError())
    log.failed("stillborn", RuntimeError())
    assert (log.taken, log.failures, log.under_way) == (2, 2, ())


def test_who_is_cut_off_is_told_with_the_state_it_was_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = CallLog(CHART)
    call(log, "one")
    assert log.cut_off() == 1
    assert caplog.messages == ["call one: cut off in greeting.clear"]
