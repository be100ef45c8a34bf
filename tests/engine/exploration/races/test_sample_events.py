"""Sample events: the kinds that have samples, and those that have none."""

from __future__ import annotations

from dataclasses import dataclass

from callchart.engine.data import CallData
from callchart.engine.events import Event, ReplyWritten
from callchart.engine.exploration.races.sample_events import (
    FACTS,
    TEXTS,
    WRITTEN,
    samples,
)
from callchart.engine.settings import Settings
from tests.engine.chart.by_hand import Notes


@dataclass(frozen=True, slots=True)
class Message(Event):
    text: str
    times: int


@dataclass(frozen=True, slots=True)
class Painted(Event):
    """An event with a field that has no samples."""

    text: str
    colour: complex


def test_a_text_field_has_samples_with_and_without_words() -> None:
    assert samples(Message, Notes()) == [Message(text, 1) for text in TEXTS]


def test_an_event_with_a_field_of_an_unknown_type_has_no_samples() -> None:
    assert samples(Painted, Notes()) == []


def test_samples_of_reply_written_are_each_variant_of_the_current_reply() -> None:
    data = CallData.begin(Settings(), 0, FACTS)
    assert samples(ReplyWritten, data) == [
        ReplyWritten(data.reply.number, *written) for written in WRITTEN
    ]
