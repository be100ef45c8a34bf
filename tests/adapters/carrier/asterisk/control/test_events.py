"""A message of Asterisk becomes an event, or an error that quotes none of its content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callchart.adapters.carrier.asterisk.control import events
from callchart.adapters.carrier.asterisk.control.events import (
    AriEvent,
    MalformedEvent,
    channel_of,
    decode,
    read_event,
)

#: Messages of Asterisk 22, with invented ids and numbers.
RECORDED: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("recorded_events.json").read_text()
)

CALLER = "1690000000.2"
CHANNEL = events.AriChannel(CALLER, "PJSIP/trunk-00000001", "Ring", "5550123", "5550100")

EXPECTED: list[AriEvent] = [
    events.StasisStart("callchart", CHANNEL, ("sales",)),
    events.StasisEnd(CALLER),
    events.HangupRequest(CALLER, 16),
    events.HangupRequest(CALLER, 0),
    events.ChannelDestroyed(CALLER, 17, "User busy"),
    events.ChannelStateChange(CALLER, "Up"),
    events.DtmfReceived(CALLER, "#"),
    events.PlaybackStarted("callchart-1.p1", CALLER),
    events.PlaybackFinished("callchart-1.p1", CALLER, failed=False),
    events.PlaybackFinished("callchart-1.p1", CALLER, failed=True),
    events.ApplicationRegistered("callchart"),
    events.ApplicationReplaced("callchart"),
    events.UnknownEvent("ChannelVarset"),
]

WITHOUT_CHANNEL = (events.ApplicationRegistered, events.ApplicationReplaced, events.UnknownEvent)


def parse(message: str | bytes) -> AriEvent:
    return read_event(decode(message))


@pytest.mark.parametrize(("message", "expected"), list(zip(RECORDED, EXPECTED, strict=True)))
def test_a_recorded_message_becomes_its_event(message: dict[str, Any], expected: AriEvent) -> None:
    assert parse(json.dumps(message)) == expected
    assert parse(json.dumps(message).encode()) == expected


@pytest.mark.parametrize("event", EXPECTED)
def test_an_event_has_the_id_of_its_channel(event: AriEvent) -> None:
    about = channel_of(event)
    if isinstance(event, WITHOUT_CHANNEL):
        assert about is None
    else:
        assert about == CALLER


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ("{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "no type"),
        ('{"type": 5}', "no type"),
    ],
)
def test_invalid_messages_are_malformed(message: str | bytes, complaint: str) -> None:
    with pytest.raises(MalformedEvent, match=complaint):
        parse(message)


@pytest.mark.parametrize("message", RECORDED[:-1])
def test_an_event_without_its_fields_is_malformed(message: dict[str, Any]) -> None:
    bare = {"type": message["type"]}
    with pytest.raises(MalformedEvent, match=message["type"]):
        read_event(bare)


def test_an_error_does_not_quote_the_message() -> None:
    message = {**RECORDED[2], "cause": "+15550123"}
    with pytest.raises(MalformedEvent) as complaint:
        read_event(message)
    assert str(complaint.value).startswith("a ChannelHangupRequest with a field missing or wrong")
    assert "5550123" not in str(complaint.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(RECORDED), st.data())
def test_any_value_of_a_field_gives_an_event_or_an_error(
    message: dict[str, Any], data: st.DataObject
) -> None:
    field = data.draw(st.sampled_from(sorted(message)))
    changed = {**message, field: data.draw(_JSON)}
    try:
        event = read_event(changed)
    except MalformedEvent:
        return
    assert isinstance(event, AriEvent)
