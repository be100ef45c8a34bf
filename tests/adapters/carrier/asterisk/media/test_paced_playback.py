"""Playback that we pace, on a clock that the test sets."""

from __future__ import annotations

import pytest

from callchart.adapters.carrier.asterisk.media.paced_playback import PacedPlayback

FRAMES = [bytes([n]) * 4 for n in range(1, 11)]
SILENCE = bytes(4)

Sent = list[tuple[float, bytes | int]]


class Pace:
    """A playback that began at 50.0, and its clock."""

    def __init__(self) -> None:
        self.now = 50.0
        self.playback = PacedPlayback(4, lambda: self.now)

    def run(self, seconds: float) -> Sent:
        """Return the frames and marks until `seconds` after the start, each with its moment."""
        until, sent = 50.0 + seconds, []
        while self.playback.due_s <= until + 1e-6:
            self.now = max(self.now, self.playback.due_s)
            sent.append((round(self.now - 50.0, 6), self.playback.next()))
        self.now = max(self.now, until)
        return sent


@pytest.fixture
def pace() -> Pace:
    return Pace()


def test_an_empty_queue_plays_silence(pace: Pace) -> None:
    assert pace.run(0.05) == [(0.0, SILENCE), (0.02, SILENCE), (0.04, SILENCE)]


def test_a_burst_leaves_frame_by_frame(pace: Pace) -> None:
    pace.playback.play(b"".join(FRAMES[:3]))
    assert pace.run(0.06) == [
        (0.0, FRAMES[0]),
        (0.02, FRAMES[1]),
        (0.04, FRAMES[2]),
        (0.06, SILENCE),
    ]


def test_a_mark_is_reached_when_the_frame_before_it_was_heard(pace: Pace) -> None:
    pace.playback.mark(1)
    pace.playback.play(FRAMES[0])
    pace.playback.mark(2)
    pace.playback.mark(3)
    pace.playback.play(FRAMES[1])
    pace.playback.mark(4)
    assert pace.run(0.05) == [
        (0.0, 1),
        (0.0, FRAMES[0]),
        (0.02, 2),
        (0.02, 3),
        (0.02, FRAMES[1]),
        (0.04, 4),
        (0.04, SILENCE),
    ]


def test_a_flush_drops_frames_and_marks(pace: Pace) -> None:
    pace.playback.play(b"".join(FRAMES))
    pace.playback.mark(1)
    assert pace.run(0.01) == [(0.0, FRAMES[0])]
    pace.playback.flush()
    assert pace.run(0.03) == [(0.02, SILENCE)]


def test_audio_after_a_flush_waits_for_the_frame_on_the_air(pace: Pace) -> None:
    pace.playback.play(FRAMES[0])
    pace.run(0.005)
    pace.playback.flush()
    pace.playback.play(FRAMES[1])
    pace.playback.mark(1)
    assert pace.run(0.04) == [(0.02, FRAMES[1]), (0.04, 1), (0.04, SILENCE)]


def test_a_short_stall_is_caught_up(pace: Pace) -> None:
    pace.playback.play(b"".join(FRAMES[:5]))
    pace.run(0.0)
    pace.now += 0.065
    assert [sent for _, sent in pace.run(0.065)] == FRAMES[1:4]
    assert pace.playback.due_s == pytest.approx(50.08)


def test_only_the_last_60_ms_of_a_long_stall_are_caught_up(pace: Pace) -> None:
    pace.playback.play(b"".join(FRAMES))
    pace.run(0.0)
    pace.now += 1.0
    assert 3 <= len(pace.run(1.0)) <= 4


def test_deadlines_do_not_drift(pace: Pace) -> None:
    for n in range(5000):
        assert pace.playback.due_s == pytest.approx(50.0 + n * 0.02, abs=1e-6)
        pace.now = pace.playback.due_s + 0.003
        pace.playback.next()
