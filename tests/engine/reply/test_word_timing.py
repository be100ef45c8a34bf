"""The ends of words in their sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callchart.engine.ports import WordTiming
from callchart.engine.reply.word_timing import FASTEST_CHARACTERS_PER_S, word_ends_s

sentences = st.lists(st.text("abcdefghij", min_size=1, max_size=8), max_size=12).map(" ".join)


def test_the_timings_of_the_synthesizer_are_used() -> None:
    timings = [WordTiming("good", 0.1, 0.4), WordTiming("morning", 0.5, 1.1)]

    assert word_ends_s("Good morning.", timings, 9.0) == [0.4, 1.1]


def test_words_without_timings_share_the_sound_by_their_characters() -> None:
    assert word_ends_s("one three", [], 4.0) == [pytest.approx(1.5), pytest.approx(4.0)]


def test_words_without_a_timing_end_after_the_sound_so_far() -> None:
    timings = [WordTiming("one", 0, 0.2), WordTiming("three", 0.3, 0.5)]

    ends = word_ends_s("one three seven", timings, 0.6)

    assert ends[:2] == [0.2, 0.5]
    assert ends[2] >= 0.6


def test_timings_of_other_words_are_ignored() -> None:
    ends = word_ends_s("one three", [WordTiming("two", 0, 0.2)], 4.0)

    assert ends == [pytest.approx(1.5), pytest.approx(4.0)]


def test_missing_sound_is_estimated_by_the_fastest_speech() -> None:
    text = "x" * 36

    assert word_ends_s(text, [], 0.5) == [36 / FASTEST_CHARACTERS_PER_S]


def test_a_text_without_words_has_no_ends() -> None:
    assert word_ends_s("  ", [], 1.0) == []


@given(sentences, st.floats(0, 60))
def test_ends_increase_up_to_the_end_of_the_sound(text: str, duration: float) -> None:
    ends = word_ends_s(text, [], duration)

    assert len(ends) == len(text.split())
    assert ends == sorted(ends)
    assert not ends or ends[-1] >= duration - 1e-9
