"""Fake sound is identified from any sample on, and between other sounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callchart.engine.testing.sound import BLOCK, Piece, fake_sound, pieces, whole_blocks

numbers = st.integers(1, 2**29)


@given(numbers, st.integers(0, 2**20), st.integers(2 * BLOCK, 2000))
def test_a_stretch_says_which_sound_it_is_and_where_it_begins_and_ends(
    number: int, first: int, samples: int
) -> None:
    pcm = fake_sound(number, first, samples)
    assert len(pcm) == samples * 2
    assert list(pieces(pcm)) == [Piece(number, first, samples)]


@given(numbers, st.integers(0, 2000), st.integers(1, 2000))
def test_stretches_that_follow_each_other_are_the_whole(
    number: int, first: int, samples: int
) -> None:
    whole = fake_sound(number, 0, first + samples)
    assert fake_sound(number, 0, first) + fake_sound(number, first, samples) == whole


@given(numbers, numbers, st.integers(1, 50), st.integers(0, 50))
def test_silence_and_another_sound_are_distinguished(
    number: int, other: int, blocks: int, silence: int
) -> None:
    samples = blocks * BLOCK
    pcm = (
        fake_sound(number, BLOCK, samples)
        + bytes(silence * 2)
        + fake_sound(other, 0, samples)
        + bytes(silence * 2)
    )
    assert list(pieces(pcm)) == [
        Piece(number, BLOCK, samples),
        Piece(other, 0, samples, samples + silence),
    ]


@given(st.binary(max_size=400).map(lambda pcm: pcm.replace(b"\x80", b"\x7f") + b"\0" * len(pcm)))
def test_other_sound_is_passed_over(pcm: bytes) -> None:
    assert list(pieces(pcm)) == []


def test_a_sound_that_is_cut_at_both_ends_before_another_counts_as_far_as_it_goes() -> None:
    pcm = fake_sound(1, 7, 20) + fake_sound(2, 10, 13)
    assert list(pieces(pcm)) == [Piece(1, 7, 18), Piece(2, 10, 13, 20)]


def test_the_shortest_sound_is_a_block() -> None:
    assert whole_blocks(0.0, 16000) == BLOCK
    assert whole_blocks(1.0, 16000) == 16000
