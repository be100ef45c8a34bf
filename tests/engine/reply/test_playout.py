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


class ClockedPlayout:
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
def clocked() -> ClockedPlayout:
    return ClockedPlayout()


def test_sound_is_queued_until_it_was_heard(clocked: ClockedPlayout) -> None:
    playback = clocked.begin()
    clocked.playout.send(playback, FRAME * 10)
    clocked.at = 4 * FRAME_US

    assert clocked.playout.queued_s(playback) == pytest.approx(0.12)
    clocked.at = 30 * FRAME_US
    assert clocked.playout.queued_s(playback) == 0


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
    clocked: ClockedPlayout, stalls_for: float, frames: int
) -> None:
    playback = clocked.begin()
    for _ in range(3):
        clocked.playout.send(playback, FRAME * 10)
    clocked.at = 10 * FRAME_US
    clocked.confirm()
    clocked.at += round(stalls_for * 1_000_000)

    clocked.playout.stop()

    assert clocked.heard == [frames * 640]


def test_a_mark_confirms_those_before_it(clocked: ClockedPlayout) -> None:
    reached: list[int] = []
    playback = clocked.begin()
    for number in (1, 2):
        clocked.playout.send(playback, FRAME, partial(reached.append, number))
    clocked.at = 3 * FRAME_US

    clocked.playout.mark_reached(clocked.line.marks[-1])
    clocked.playout.stop()

    assert reached == [1, 2]
    assert clocked.heard == [2 * 640]


def test_sound_sent_after_a_gap_begins_when_it_is_sent(clocked: ClockedPlayout) -> None:
    playback = clocked.begin()
    clocked.playout.send(playback, FRAME)
    clocked.at = 1_000_000

    clocked.playout.send(playback, FRAME * 5)

    assert clocked.playout.queued_s(playback) == pytest.approx(0.1)


def test_a_stop_posts_the_words_that_were_heard(clocked: ClockedPlayout) -> None:
    playback = clocked.begin(reply=7)
    clocked.playout.send(playback, FRAME * 10)
    clocked.at = 4 * FRAME_US

    clocked.playout.stop()

    assert clocked.line.notes == ["play", "mark", "flush"]
    assert clocked.heard == [4 * 640]
    assert clocked.raised == [PlaybackStopped(7, "2560 bytes")]


def test_a_stop_before_any_sound_has_zero_bytes(clocked: ClockedPlayout) -> None:
    clocked.begin()

    clocked.playout.stop()

    assert clocked.raised == [PlaybackStopped(1, "0 bytes")]


def test_a_stop_after_the_end_has_all_bytes_and_no_more(clocked: ClockedPlayout) -> None:
    playback = clocked.begin()
    clocked.playout.send(playback, FRAME * 3)
    clocked.at = 10_000_000

    clocked.playout.stop()

    assert clocked.heard == [3 * 640]


def test_a_stop_in_the_middle_of_a_sample_counts_whole_samples(clocked: ClockedPlayout) -> None:
    clocked.playout.send(clocked.begin(), FRAME * 3)
    clocked.at = 20_031

    clocked.playout.stop()

    assert clocked.heard[0] % 2 == 0


def test_a_second_stop_does_nothing(clocked: ClockedPlayout) -> None:
    clocked.begin()
    clocked.playout.stop()

    clocked.playout.stop()

    assert (len(clocked.raised), clocked.line.notes) == (1, ["flush"])


def test_a_stopped_filler_posts_no_words(clocked: ClockedPlayout) -> None:
    playback = clocked.begin(reply=None)
    clocked.playout.send(playback, FRAME)

    clocked.playout.stop()

    assert clocked.raised == []
    assert clocked.line.notes[-1] == "flush"


def test_sound_of_an_earlier_playback_is_dropped_and_counted(clocked: ClockedPlayout) -> None:
    over = clocked.begin()
    clocked.playout.stop()
    current = clocked.begin(reply=2)

    assert not clocked.playout.send(over, FRAME * 2)
    assert clocked.playout.send(current, FRAME)

    assert clocked.playout.stale_bytes == 2 * 640
    assert bytes(clocked.line.played) == FRAME


def test_there_is_one_playback_at_a_time(clocked: ClockedPlayout) -> None:
    clocked.begin()

    with pytest.raises(AssertionError, match="stopped before the next"):
        clocked.begin()


# --- marks ---------------------------------------------------------------------------------------


def test_a_mark_calls_back_once(clocked: ClockedPlayout) -> None:
    reached: list[str] = []
    playback = clocked.begin()
    clocked.playout.send(playback, FRAME)
    clocked.playout.mark(playback, lambda: reached.append("reached"))

    for mark in clocked.line.marks * 2:
        clocked.playout.mark_reached(mark)

    assert reached == ["reached"]


def test_a_late_mark_corrects_the_position(clocked: ClockedPlayout) -> None:
    playback = clocked.begin()
    clocked.playout.send(playback, FRAME * 10)
    clocked.playout.mark(playback, lambda: None)
    clocked.playout.send(playback, FRAME * 5)
    # The carrier is 50 ms later than computed.
    clocked.at = 10 * FRAME_US + 50_000

    clocked.playout.mark_reached(clocked.line.marks[0])

    assert clocked.playout.queued_s(playback) == pytest.approx(0.1)
    clocked.playout.stop()
    assert clocked.heard == [10 * 640]


def test_an_early_mark_corrects_the_position(clocked: ClockedPlayout) -> None:
    playback = clocked.begin()
    clocked.playout.send(playback, FRAME * 10)
    clocked.playout.mark(playback, lambda: None)
    clocked.at = 8 * FRAME_US

    clocked.playout.mark_reached(clocked.line.marks[0])
    clocked.playout.stop()

    assert clocked.heard == [10 * 640]


def test_a_mark_of_an_earlier_playback_is_ignored(clocked: ClockedPlayout) -> None:
    reached: list[str] = []
    over = clocked.begin()
    clocked.playout.send(over, FRAME, lambda: reached.append("over"))
    clocked.playout.stop()
    clocked.playout.mark_reached(clocked.line.marks[0])
    current = clocked.begin(reply=2)
    clocked.playout.mark(current, lambda: reached.append("current"))

    clocked.playout.mark_reached(clocked.line.marks[0])
    clocked.playout.mark(over, lambda: reached.append("over"))

    assert reached == []
    assert len(clocked.line.marks) == 2


def test_marks_are_numbered_through_the_whole_call(clocked: ClockedPlayout) -> None:
    for reply in (1, 2):
        clocked.playout.mark(clocked.begin(reply), lambda: None)
        clocked.playout.stop()

    assert clocked.line.marks == [1, 2]


def test_at_8_khz_a_frame_has_half_the_bytes() -> None:
    clocked = ClockedPlayout(rate_hz=8000)
    playback = clocked.begin()
    clocked.playout.send(playback, bytes(320) * 10)
    clocked.at = 4 * FRAME_US

    clocked.playout.stop()

    assert clocked.heard == [4 * 320]
