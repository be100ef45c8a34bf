"""The sound of a line: bytes sent, seconds queued, bytes heard."""

from __future__ import annotations

from functools import partial

import pytest

from callchart.engine.events import Event, PlaybackStopped
from callchart.engine.reply.playout import Playback, Playout
from tests.engine.quiet import QuietLine

#: 20 ms at 16 kHz.
FRAME = bytes(640)
FRAME_US = 20_000


class Desk:
    """A playout and its clock `at` (us), which the test sets. `heard` lists the heard bytes."""

    def __init__(self, rate_hz: int = 16000) -> None:
        self.at = 0
        self.raised: list[Event] = []
        self.heard: list[int] = []
        self.line = QuietLine(rate_hz, now=lambda: self.at / 1e6)
        self.playout = Playout(self.line, lambda: self.at, self.raised.append)

    def confirm(self) -> None:
        """Report the oldest mark as reached."""
        self.playout.mark_reached(self.line.marks.pop(0))

    def begin(self, reply: int | None = 1) -> Playback:
        return self.playout.begin(reply, self._words)

    def _words(self, size: int) -> str:
        self.heard.append(size)
        return f"{size} bytes"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_sound_is_queued_until_it_was_heard(desk: Desk) -> None:
    playback = desk.begin()
    desk.playout.send(playback, FRAME * 10)
    desk.at = 4 * FRAME_US

    assert desk.playout.queued_s(playback) == pytest.approx(0.12)
    desk.at = 30 * FRAME_US
    assert desk.playout.queued_s(playback) == 0


@pytest.mark.parametrize(
    ("stalls_for", "frames"),
    [
        pytest.param(0.1, 15, id="within a piece"),
        pytest.param(0.2, 20, id="to the end of a piece"),
        pytest.param(1.2, 20, id="that was not confirmed"),
        pytest.param(1.3, 30, id="for so long that the mark must be lost"),
    ],
)
def test_a_carrier_that_stalls_does_not_advance_the_position(
    desk: Desk, stalls_for: float, frames: int
) -> None:
    playback = desk.begin()
    for _ in range(3):
        desk.playout.send(playback, FRAME * 10)
    desk.at = 10 * FRAME_US
    desk.confirm()
    desk.at += round(stalls_for * 1_000_000)

    desk.playout.stop()

    assert desk.heard == [frames * 640]


def test_a_mark_confirms_those_before_it(desk: Desk) -> None:
    reached: list[int] = []
    playback = desk.begin()
    for number in (1, 2):
        desk.playout.send(playback, FRAME, partial(reached.append, number))
    desk.at = 3 * FRAME_US

    desk.playout.mark_reached(desk.line.marks[-1])
    desk.playout.stop()

    assert reached == [1, 2]
    assert desk.heard == [2 * 640]


def test_sound_sent_after_a_gap_begins_when_it_is_sent(desk: Desk) -> None:
    playback = desk.begin()
    desk.playout.send(playback, FRAME)
    desk.at = 1_000_000

    desk.playout.send(playback, FRAME * 5)

    assert desk.playout.queued_s(playback) == pytest.approx(0.1)


def test_a_stop_posts_the_words_that_were_heard(desk: Desk) -> None:
    playback = desk.begin(reply=7)
    desk.playout.send(playback, FRAME * 10)
    desk.at = 4 * FRAME_US

    desk.playout.stop()

    assert desk.line.notes == ["play", "mark", "flush"]
    assert desk.heard == [4 * 640]
    assert desk.raised == [PlaybackStopped(7, "2560 bytes")]


def test_a_stop_before_any_sound_has_zero_bytes(desk: Desk) -> None:
    desk.begin()

    desk.playout.stop()

    assert desk.raised == [PlaybackStopped(1, "0 bytes")]


def test_a_stop_after_the_end_has_all_bytes_and_no_more(desk: Desk) -> None:
    playback = desk.begin()
    desk.playout.send(playback, FRAME * 3)
    desk.at = 10_000_000

    desk.playout.stop()

    assert desk.heard == [3 * 640]


def test_a_stop_in_the_middle_of_a_sample_counts_whole_samples(desk: Desk) -> None:
    desk.playout.send(desk.begin(), FRAME * 3)
    desk.at = 20_031

    desk.playout.stop()

    assert desk.heard[0] % 2 == 0


def test_a_second_stop_does_nothing(desk: Desk) -> None:
    desk.begin()
    desk.playout.stop()

    desk.playout.stop()

    assert (len(desk.raised), desk.line.notes) == (1, ["flush"])


def test_a_stopped_filler_posts_no_words(desk: Desk) -> None:
    playback = desk.begin(reply=None)
    desk.playout.send(playback, FRAME)

    desk.playout.stop()

    assert desk.raised == []
    assert desk.line.notes[-1] == "flush"


def test_sound_of_an_earlier_playback_is_dropped_and_counted(desk: Desk) -> None:
    over = desk.begin()
    desk.playout.stop()
    current = desk.begin(reply=2)

    assert not desk.playout.send(over, FRAME * 2)
    assert desk.playout.send(current, FRAME)

    assert desk.playout.stale_bytes == 2 * 640
    assert bytes(desk.line.played) == FRAME


def test_there_is_one_playback_at_a_time(desk: Desk) -> None:
    desk.begin()

    with pytest.raises(AssertionError, match="stopped before the next"):
        desk.begin()


# --- marks ---------------------------------------------------------------------------------------


def test_a_mark_calls_back_once(desk: Desk) -> None:
    reached: list[str] = []
    playback = desk.begin()
    desk.playout.send(playback, FRAME)
    desk.playout.mark(playback, lambda: reached.append("reached"))

    for mark in desk.line.marks * 2:
        desk.playout.mark_reached(mark)

    assert reached == ["reached"]


def test_a_late_mark_corrects_the_position(desk: Desk) -> None:
    playback = desk.begin()
    desk.playout.send(playback, FRAME * 10)
    desk.playout.mark(playback, lambda: None)
    desk.playout.send(playback, FRAME * 5)
    # The carrier is 50 ms later than computed.
    desk.at = 10 * FRAME_US + 50_000

    desk.playout.mark_reached(desk.line.marks[0])

    assert desk.playout.queued_s(playback) == pytest.approx(0.1)
    desk.playout.stop()
    assert desk.heard == [10 * 640]


def test_an_early_mark_corrects_the_position(desk: Desk) -> None:
    playback = desk.begin()
    desk.playout.send(playback, FRAME * 10)
    desk.playout.mark(playback, lambda: None)
    desk.at = 8 * FRAME_US

    desk.playout.mark_reached(desk.line.marks[0])
    desk.playout.stop()

    assert desk.heard == [10 * 640]


def test_a_mark_of_an_earlier_playback_is_ignored(desk: Desk) -> None:
    reached: list[str] = []
    over = desk.begin()
    desk.playout.send(over, FRAME, lambda: reached.append("over"))
    desk.playout.stop()
    desk.playout.mark_reached(desk.line.marks[0])
    current = desk.begin(reply=2)
    desk.playout.mark(current, lambda: reached.append("current"))

    desk.playout.mark_reached(desk.line.marks[0])
    desk.playout.mark(over, lambda: reached.append("over"))

    assert reached == []
    assert len(desk.line.marks) == 2


def test_marks_are_numbered_through_the_whole_call(desk: Desk) -> None:
    for reply in (1, 2):
        desk.playout.mark(desk.begin(reply), lambda: None)
        desk.playout.stop()

    assert desk.line.marks == [1, 2]


def test_at_8_khz_a_frame_has_half_the_bytes() -> None:
    desk = Desk(rate_hz=8000)
    playback = desk.begin()
    desk.playout.send(playback, bytes(320) * 10)
    desk.at = 4 * FRAME_US

    desk.playout.stop()

    assert desk.heard == [4 * 320]
