"""The messages to chan_websocket and their moments, on a clock that the test sets. No socket."""

from __future__ import annotations

import json
import math

import pytest

from callchart.adapters.carrier.asterisk.media.websocket_playback import WebSocketPlayback
from tests.contracts.line import tone

RATE = 16000


class Wire:
    """A playback, its clock, and the messages that it has sent."""

    def __init__(self) -> None:
        self.now = 100.0
        self.playback = WebSocketPlayback(RATE, lambda: self.now)

    def send(self) -> list[str | bytes]:
        """Return the messages to send now: audio, names of commands, marks with their ids."""
        sent: list[str | bytes] = []
        while (message := self.playback.next()) is not None:
            if isinstance(message, str):
                assert len(message) < 128
                command = json.loads(message)
                mark = command.get("correlation_id")
                sent.append(f"{command['command']} {mark}" if mark else command["command"])
            else:
                assert len(message) <= 65_000
                assert len(message) % 640 == 0
                sent.append(message)
        return sent


@pytest.fixture
def wire() -> Wire:
    return Wire()


def sound(sent: list[str | bytes]) -> bytes:
    return b"".join(message for message in sent if isinstance(message, bytes))


def test_an_idle_playback_has_no_message_and_no_deadline(wire: Wire) -> None:
    assert wire.send() == []
    assert wire.playback.due_s == math.inf


def test_buffering_starts_once_before_the_sound(wire: Wire) -> None:
    one, two = tone(0.02, RATE), tone(0.04, RATE)
    wire.playback.play(one)
    assert wire.send() == ["START_MEDIA_BUFFERING", one]
    wire.playback.play(two)
    assert wire.send() == [two]


def test_long_audio_is_sent_in_short_messages_of_whole_frames(wire: Wire) -> None:
    said = tone(1.1, RATE)
    wire.playback.play(said)
    _, *messages = wire.send()
    assert [len(message) for message in messages] == [6400] * 5 + [3200]
    assert sound(messages) == said


def test_a_mark_is_sent_at_its_place_and_reported_once(wire: Wire) -> None:
    frame = tone(0.02, RATE)
    wire.playback.play(frame)
    wire.playback.mark(7)
    wire.playback.play(frame)
    assert wire.send() == ["START_MEDIA_BUFFERING", frame, "MARK_MEDIA 1", frame]
    assert wire.playback.processed("1") == 7
    assert wire.playback.processed("1") is None


@pytest.mark.parametrize("stranger", ["2", "", 1, None, ["1"]])
def test_an_unknown_mark_is_ignored(wire: Wire, stranger: object) -> None:
    wire.playback.mark(7)
    assert wire.playback.processed(stranger) is None


def test_asterisk_gets_ten_seconds_and_then_audio_as_it_plays(wire: Wire) -> None:
    said = tone(60.0, RATE)
    wire.playback.play(said)
    sent = sound(wire.send())
    assert 10.0 <= len(sent) / RATE / 2 <= 10.2
    while wire.playback.due_s < math.inf:
        wire.now = wire.playback.due_s
        more = sound(wire.send())
        assert len(more) <= 6400
        sent += more
    assert sent == said
    assert wire.now == pytest.approx(100.0 + 50.0, abs=0.3)


def test_marks_do_not_wait_for_room(wire: Wire) -> None:
    wire.playback.play(tone(10.0, RATE))
    wire.send()
    wire.playback.mark(1)
    wire.playback.play(tone(0.2, RATE))
    assert wire.send() == ["MARK_MEDIA 1"]


def test_a_flush_overtakes_everything_and_restarts_buffering(wire: Wire) -> None:
    frame = tone(0.02, RATE)
    wire.playback.play(tone(60.0, RATE))
    wire.playback.mark(1)
    wire.send()
    wire.playback.flush()
    wire.playback.play(frame)
    assert wire.playback.due_s <= wire.now
    assert wire.send() == ["FLUSH_MEDIA", "START_MEDIA_BUFFERING", frame]


def test_a_flushed_mark_is_never_reported_even_if_its_number_is_reused(
    wire: Wire,
) -> None:
    wire.playback.mark(1)
    wire.send()
    wire.playback.flush()
    wire.playback.mark(1)
    assert wire.send() == ["FLUSH_MEDIA", "START_MEDIA_BUFFERING", "MARK_MEDIA 2"]
    assert wire.playback.processed("1") is None
    assert wire.playback.processed("2") == 1


def test_two_flushes_in_a_row_are_one(wire: Wire) -> None:
    wire.playback.flush()
    wire.playback.flush()
    assert wire.send() == ["FLUSH_MEDIA"]


def test_xoff_holds_audio_until_xon(wire: Wire) -> None:
    frame = tone(0.02, RATE)
    wire.playback.play(tone(5.0, RATE))
    wire.send()
    wire.playback.xoff()
    wire.playback.play(frame)
    assert wire.send() == []
    wire.playback.xon()
    assert wire.send() == [frame]


def test_without_an_xon_sending_resumes_when_asterisks_queue_is_empty(
    wire: Wire,
) -> None:
    frame = tone(0.02, RATE)
    wire.playback.play(tone(5.0, RATE))
    wire.send()
    wire.playback.xoff()
    wire.playback.play(frame)
    assert wire.playback.due_s == pytest.approx(105.0)
    wire.now = wire.playback.due_s
    assert wire.send() == [frame]


def test_a_flush_ends_xoff(wire: Wire) -> None:
    frame = tone(0.02, RATE)
    wire.playback.play(tone(5.0, RATE))
    wire.send()
    wire.playback.xoff()
    wire.playback.flush()
    wire.playback.play(frame)
    assert wire.send() == ["FLUSH_MEDIA", "START_MEDIA_BUFFERING", frame]


def test_a_late_xoff_after_a_flush_holds_no_audio(wire: Wire) -> None:
    frame = tone(0.02, RATE)
    wire.playback.play(tone(5.0, RATE))
    wire.playback.flush()
    wire.playback.xoff()
    wire.playback.play(frame)
    assert frame in wire.send()
