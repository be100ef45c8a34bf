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
class Told(Event):
    text: str
    times: int


@dataclass(frozen=True, slots=True)
class Painted(Event):
    """An event with a field that has no samples."""

    text: str
    colour: complex


def test_words_are_some_and_none() -> None:
    assert samples(Told, Notes()) == [Told(text, 1) for text in TEXTS]


def test_of_an_event_with_a_field_of_another_type_there_is_no_sample() -> None:
    assert samples(Painted, Notes()) == []


def test_a_reply_is_written_in_each_way_and_is_the_one_under_way() -> None:
    data = CallData.begin(Settings(), 0, FACTS)
    assert samples(ReplyWritten, data) == [
        ReplyWritten(data.reply.number, *written) for written in WRITTEN
    ]
