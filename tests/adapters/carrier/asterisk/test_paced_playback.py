"""Playback that we pace: on a clock that is set by hand."""

from __future__ import annotations

import math

import pytest

from adapters.carrier.asterisk.paced_playback import PacedPlayback

FRAMES = [bytes([n]) * 4 for n in range(10)]


class Pace:
    def __init__(self) -> None:
        self.now = 50.0
        self.playback = PacedPlayback(4, lambda: self.now)

    def all_now(self) -> list[bytes | int]:
        """What is due at this moment, in order."""
        sent = []
        while (due := self.playback.next()) is not None:
            sent.append(due)
        return sent

    def run(self) -> list[tuple[float, bytes | int]]:
        """Everything, each with its moment, counted from the beginning."""
        sent = []
        while self.playback.due < math.inf:
            self.now = max(self.now, self.playback.due)
            sent += [(round(self.now - 50.0, 6), each) for each in self.all_now()]
        return sent


@pytest.fixture
def pace() -> Pace:
    return Pace()


def test_nothing_to_play_is_never_due(pace: Pace) -> None:
    assert pace.playback.due == math.inf
    assert pace.playback.next() is None


def test_a_burst_leaves_frame_by_frame_from_now_on(pace: Pace) -> None:
    pace.playback.play(b"".join(FRAMES[:3]))
    assert pace.run() == [(0.0, FRAMES[0]), (0.02, FRAMES[1]), (0.04, FRAMES[2])]


def test_a_mark_is_reached_when_the_frame_before_it_was_heard(pace: Pace) -> None:
    pace.playback.mark(1)
    pace.playback.play(FRAMES[0])
    pace.playback.mark(2)
    pace.playback.mark(3)
    pace.playback.play(FRAMES[1])
    pace.playback.mark(4)
    assert pace.run() == [
        (0.0, 1),
        (0.0, FRAMES[0]),
        (0.02, 2),
        (0.02, 3),
        (0.02, FRAMES[1]),
        (0.04, 4),
    ]


def test_a_flush_drops_frames_and_marks(pace: Pace) -> None:
    pace.playback.play(b"".join(FRAMES))
    pace.playback.mark(1)
    assert pace.all_now() == [FRAMES[0]]
    pace.playback.flush()
    assert pace.run() == []


def test_what_follows_a_flush_waits_for_the_frame_that_was_sent(pace: Pace) -> None:
    pace.playback.play(FRAMES[0])
    pace.all_now()
    pace.now += 0.005
    pace.playback.flush()
    pace.playback.play(FRAMES[1])
    pace.playback.mark(1)
    assert pace.run() == [(0.02, FRAMES[1]), (0.04, 1)]


def test_a_short_stall_is_made_up_for(pace: Pace) -> None:
    pace.playback.play(b"".join(FRAMES[:5]))
    pace.all_now()
    pace.now += 0.065
    assert pace.all_now() == FRAMES[1:4]
    assert pace.playback.due == pytest.approx(50.08)


def test_of_a_long_stall_only_the_last_moments_are_made_up_for(pace: Pace) -> None:
    pace.playback.play(b"".join(FRAMES))
    pace.all_now()
    pace.now += 1.0
    assert 3 <= len(pace.all_now()) <= 4


def test_a_pause_is_no_stall(pace: Pace) -> None:
    pace.playback.play(FRAMES[0])
    pace.playback.mark(1)
    pace.run()
    pace.now = 60.0
    pace.playback.mark(2)
    pace.playback.play(b"".join(FRAMES[:2]))
    assert pace.all_now() == [2, FRAMES[0]]
    assert pace.playback.due == pytest.approx(60.02)


def test_sound_that_comes_while_the_last_frame_is_heard_follows_without_a_gap(
    pace: Pace,
) -> None:
    pace.playback.play(FRAMES[0])
    pace.all_now()
    pace.now += 0.015
    pace.playback.play(FRAMES[1])
    assert pace.run() == [(0.02, FRAMES[1])]


def test_deadlines_do_not_drift(pace: Pace) -> None:
    pace.playback.play(bytes(4 * 5000))
    for n in range(5000):
        assert pace.playback.due == pytest.approx(50.0 + n * 0.02, abs=1e-6)
        pace.now = pace.playback.due + 0.003
        assert pace.playback.next() is not None
