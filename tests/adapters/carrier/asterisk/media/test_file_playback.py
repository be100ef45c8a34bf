"""Pieces of playback, their marks and their flush, on a clock that the test sets. No files."""

from __future__ import annotations

import math

import pytest

from callchart.adapters.carrier.asterisk.media.file_playback import FilePlayback, PlaybackPiece

RATE = 8000
SECOND = bytes(RATE * 2)
FRAME = bytes(320)


class Played:
    def __init__(self) -> None:
        self.now = 10.0
        self.playback = FilePlayback(RATE, lambda: self.now)

    def next_pieces(self) -> list[PlaybackPiece]:
        """Return all pieces that Asterisk can take now."""
        pieces = []
        while (piece := self.playback.next()) is not None:
            pieces.append(piece)
        return pieces

    def reached_at(self, seconds: float) -> list[int]:
        self.now = 10.0 + seconds
        return self.playback.reached()


@pytest.fixture
def played() -> Played:
    return Played()


def test_all_waiting_audio_becomes_one_piece(played: Played) -> None:
    played.playback.play(FRAME)
    played.playback.mark(1)
    played.playback.play(SECOND)
    (piece,) = played.next_pieces()
    assert piece.pcm == FRAME + SECOND
    assert piece.seconds == pytest.approx(1.02)


def test_no_more_than_two_pieces_are_under_way(played: Played) -> None:
    numbers = []
    for _ in range(4):
        played.playback.play(FRAME)
        numbers += [piece.number for piece in played.next_pieces()]
    assert numbers == [1, 2]
    played.playback.finished(1)
    (third,) = played.next_pieces()
    assert (third.number, third.pcm) == (3, FRAME * 2)


def test_a_mark_is_reached_by_the_clock_after_its_piece_started(played: Played) -> None:
    played.playback.play(FRAME)
    played.playback.mark(1)
    played.playback.play(SECOND)
    played.playback.mark(2)
    played.next_pieces()
    assert played.reached_at(5.0) == []
    played.playback.started(1)
    assert played.playback.due_s == pytest.approx(15.02)
    assert played.reached_at(5.01) == []
    assert played.reached_at(5.03) == [1]
    assert played.reached_at(6.03) == [2]
    assert played.playback.due_s == math.inf


def test_the_end_of_a_piece_reaches_its_marks(played: Played) -> None:
    played.playback.play(SECOND)
    played.playback.mark(1)
    played.next_pieces()
    played.playback.mark(2)
    played.playback.started(1)
    assert [piece.number for piece in played.playback.finished(1)] == [1]
    assert played.playback.due_s == -math.inf
    assert played.reached_at(0.99) == [1, 2]
    assert played.reached_at(2.0) == []


def test_a_mark_without_audio_before_it_is_reached_immediately(played: Played) -> None:
    played.playback.mark(1)
    assert played.playback.due_s == -math.inf
    assert played.reached_at(0.0) == [1]


def test_a_piece_without_an_end_event_ends_with_the_next_piece(played: Played) -> None:
    for mark in (1, 2):
        played.playback.play(SECOND)
        played.playback.mark(mark)
        played.next_pieces()
    assert [piece.number for piece in played.playback.finished(2)] == [1, 2]
    assert played.reached_at(0.0) == [1, 2]


def test_a_flush_drops_queued_and_playing_pieces_with_all_marks(played: Played) -> None:
    for mark in (1, 2, 3):
        played.playback.play(SECOND)
        played.playback.mark(mark)
        played.next_pieces()
    played.playback.started(1)
    assert [piece.number for piece in played.playback.flush()] == [1, 2]
    assert played.next_pieces() == []
    assert played.playback.finished(1) == []
    assert played.playback.finished(2) == []
    assert played.reached_at(9.0) == []
    assert played.playback.flush() == []


def test_a_flush_drops_reached_marks_that_were_not_reported(played: Played) -> None:
    played.playback.mark(1)
    played.playback.flush()
    assert played.reached_at(1.0) == []


def test_pieces_after_a_flush_have_numbers_of_their_own(played: Played) -> None:
    played.playback.play(SECOND)
    played.next_pieces()
    played.playback.flush()
    played.playback.play(FRAME)
    played.playback.mark(1)
    (piece,) = played.next_pieces()
    assert piece.number == 2
    played.playback.started(1)
    assert played.playback.due_s == math.inf
