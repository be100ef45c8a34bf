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
def rig() -> ClockedPlayout:
    return ClockedPlayout()


def test_sound_is_queued_until_it_was_heard(rig: ClockedPlayout) -> None:
    playback = rig.begin()
    rig.playout.send(playback, FRAME * 10)
    rig.at = 4 * FRAME_US

    assert rig.playout.queued_s(playback) == pytest.approx(0.12)
    rig.at = 30 * FRAME_US
    assert rig.playout.queued_s(playback) == 0


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
    rig: ClockedPlayout, stalls_for: float, frames: int
) -> None:
    playback = rig.begin()
    for _ in range(3):
        rig.playout.send(playback, FRAME * 10)
    rig.at = 10 * FRAME_US
    rig.confirm()
    rig.at += round(stalls_for * 1_000_000)

    rig.playout.stop()

    assert rig.heard == [frames * 640]


def test_a_mark_confirms_those_before_it(rig: ClockedPlayout) -> None:
    reached: list[int] = []
    playback = rig.begin()
    for number in (1, 2):
        rig.playout.send(playback, FRAME, partial(reached.append, number))
    rig.at = 3 * FRAME_US

    rig.playout.mark_reached(rig.line.marks[-1])
    rig.playout.stop()

    assert reached == [1, 2]
    assert rig.heard == [2 * 640]


def test_sound_sent_after_a_gap_begins_when_it_is_sent(rig: ClockedPlayout) -> None:
    playback = rig.begin()
    rig.playout.send(playback, FRAME)
    rig.at = 1_000_000

    rig.playout.send(playback, FRAME * 5)

    assert rig.playout.queued_s(playback) == pytest.approx(0.1)


def test_a_stop_posts_the_words_that_were_heard(rig: ClockedPlayout) -> None:
    playback = rig.begin(reply=7)
    rig.playout.send(playback, FRAME * 10)
    rig.at = 4 * FRAME_US

    rig.playout.stop()

    assert rig.line.notes == ["play", "mark", "flush"]
    assert rig.heard == [4 * 640]
    assert rig.raised == [PlaybackStopped(7, "2560 bytes")]


def test_a_stop_before_any_sound_has_zero_bytes(rig: ClockedPlayout) -> None:
    rig.begin()

    rig.playout.stop()

    assert rig.raised == [PlaybackStopped(1, "0 bytes")]


def test_a_stop_after_the_end_has_all_bytes_and_no_more(rig: ClockedPlayout) -> None:
    playback = rig.begin()
    rig.playout.send(playback, FRAME * 3)
    rig.at = 10_000_000

    rig.playout.stop()

    assert rig.heard == [3 * 640]


def test_a_stop_in_the_middle_of_a_sample_counts_whole_samples(rig: ClockedPlayout) -> None:
    rig.playout.send(rig.begin(), FRAME * 3)
    rig.at = 20_031

    rig.playout.stop()

    assert rig.heard[0] % 2 == 0


def test_a_second_stop_does_nothing(rig: ClockedPlayout) -> None:
    rig.begin()
    rig.playout.stop()

    rig.playout.stop()

    assert (len(rig.raised), rig.line.notes) == (1, ["flush"])


def test_a_stopped_filler_posts_no_words(rig: ClockedPlayout) -> None:
    playback = rig.begin(reply=None)
    rig.playout.send(playback, FRAME)

    rig.playout.stop()

    assert rig.raised == []
    assert rig.line.notes[-1] == "flush"


def test_sound_of_an_earlier_playback_is_dropped_and_counted(rig: ClockedPlayout) -> None:
    ended = rig.begin()
    rig.playout.stop()
    current = rig.begin(reply=2)

    assert not rig.playout.send(ended, FRAME * 2)
    assert rig.playout.send(current, FRAME)

    assert rig.playout.stale_bytes == 2 * 640
    assert bytes(rig.line.played) == FRAME


def test_a_second_playback_before_the_stop_is_refused(rig: ClockedPlayout) -> None:
    rig.begin()

    with pytest.raises(AssertionError, match="stopped before the next"):
        rig.begin()


# --- marks ---------------------------------------------------------------------------------------


def test_a_mark_calls_back_once(rig: ClockedPlayout) -> None:
    reached: list[str] = []
    playback = rig.begin()
    rig.playout.send(playback, FRAME)
    rig.playout.mark(playback, lambda: reached.append("reached"))

    for mark in rig.line.marks * 2:
        rig.playout.mark_reached(mark)

    assert reached == ["reached"]


def test_a_late_mark_corrects_the_position(rig: ClockedPlayout) -> None:
    playback = rig.begin()
    rig.playout.send(playback, FRAME * 10)
    rig.playout.mark(playback, lambda: None)
    rig.playout.send(playback, FRAME * 5)
    # The carrier is 50 ms later than computed.
    rig.at = 10 * FRAME_US + 50_000

    rig.playout.mark_reached(rig.line.marks[0])

    assert rig.playout.queued_s(playback) == pytest.approx(0.1)
    rig.playout.stop()
    assert rig.heard == [10 * 640]


def test_an_early_mark_corrects_the_position(rig: ClockedPlayout) -> None:
    playback = rig.begin()
    rig.playout.send(playback, FRAME * 10)
    rig.playout.mark(playback, lambda: None)
    rig.at = 8 * FRAME_US

    rig.playout.mark_reached(rig.line.marks[0])
    rig.playout.stop()

    assert rig.heard == [10 * 640]


def test_a_mark_of_an_earlier_playback_is_ignored(rig: ClockedPlayout) -> None:
    reached: list[str] = []
    ended = rig.begin()
    rig.playout.send(ended, FRAME, lambda: reached.append("ended"))
    rig.playout.stop()
    rig.playout.mark_reached(rig.line.marks[0])
    current = rig.begin(reply=2)
    rig.playout.mark(current, lambda: reached.append("current"))

    rig.playout.mark_reached(rig.line.marks[0])
    rig.playout.mark(ended, lambda: reached.append("ended"))

    assert reached == []
    assert len(rig.line.marks) == 2


def test_marks_are_numbered_through_the_whole_call(rig: ClockedPlayout) -> None:
    for reply in (1, 2):
        rig.playout.mark(rig.begin(reply), lambda: None)
        rig.playout.stop()

    assert rig.line.marks == [1, 2]


def test_at_8_khz_a_frame_has_half_the_bytes() -> None:
    rig = ClockedPlayout(rate_hz=8000)
    playback = rig.begin()
    rig.playout.send(playback, bytes(320) * 10)
    rig.at = 4 * FRAME_US

    rig.playout.stop()

    assert rig.heard == [4 * 320]
