"""The log's lines about calls: their beginning and end, and no spoken words."""

from __future__ import annotations

import logging
import re

import pytest

from callchart.adapters.service.run.call_log import CallLog
from callchart.engine.events import CallerHungUp, LineClosed, ReplyReady, ReplyWritten
from callchart.states import CHART
from tests.adapters.service.scripted_call import WHOLE_CALL, ScriptedCall


def call(log: CallLog, call_id: str) -> ScriptedCall:
    """Return a call that the log watches."""
    return ScriptedCall(watch=lambda step: log.step(call_id, step))


def test_a_call_has_a_line_when_it_begins_and_one_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    log = CallLog(CHART)
    scripted = call(log, "one")
    assert [*log.under_way] == ["one"]
    scripted.then(4.0, CallerHungUp("busy")).then(4.25, LineClosed())
    assert [*log.under_way] == []
    assert caplog.messages == [
        "call one: begins",
        "call one: ended after 4.2 s: the caller hung up (busy)",
    ]


def test_a_call_with_answers_has_a_line_of_metrics(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "callchart")
    log = CallLog(CHART)
    scripted = call(log, "one")
    for at, (event, heard) in WHOLE_CALL.items():
        match event:
            case ReplyReady(reply=1):
                # A script does not count as an answer.
                scripted.then(at, ReplyWritten(1, 1, 0, False))
            case ReplyReady(reply=2):
                scripted.then(at, ReplyWritten(2, 3, 2, False, first_chunk=0.4))
            case ReplyReady(reply=3):
                scripted.then(at, ReplyWritten(3, 3, 0, False, first_chunk=0.8))
        scripted.then(at, event, heard=heard)
    # An event of an earlier reply.
    scripted.then(12.03, ReplyWritten(2, 9, 0, False, first_chunk=9.0))
    figures = (
        'answers: 2, of them with the model\'s own "|": 1, cuts without it: 2, '
        "first chunk after 0.60 s on average, 0.80 s at most"
    )
    assert caplog.messages[-1] == f"call one: {figures}"
    assert str(log.answers) == figures


def test_debug_lines_name_states_and_no_line_has_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "callchart")
    scripted = call(CallLog(CHART), "one")
    for at, (event, heard) in WHOLE_CALL.items():
        scripted.then(at, event, heard=heard)
    assert "call one: listening.hearing at 3.000 s" in caplog.messages
    words = {word for _, heard in WHOLE_CALL.values() for word in re.findall(r"\w{4,}", heard)}
    assert words
    assert not words & set(re.findall(r"\w+", caplog.text))


def test_calls_are_distinguished_and_counted() -> None:
    log = CallLog(CHART)
    one, other = call(log, "one"), call(log, "other")
    one.then(4.0, LineClosed()).until(5.0)
    other.then(4.0, CallerHungUp())
    assert (log.taken, log.failures, log.under_way) == (2, 0, ("other",))


def test_a_failed_call_is_counted_before_and_after_its_beginning() -> None:
    log = CallLog(CHART)
    call(log, "one")
    log.failed("one", RuntimeError())
    log.failed("early", RuntimeError())
    assert (log.taken, log.failures, log.under_way) == (2, 2, ())


def test_a_cut_off_call_is_logged_with_its_state(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = CallLog(CHART)
    call(log, "one")
    assert log.cut_off() == 1
    assert caplog.messages == ["call one: cut off in greeting.clear"]
