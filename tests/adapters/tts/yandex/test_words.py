"""The timings of a text's words, from the timings of the spoken words."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callchart.adapters.tts.yandex.words import WordPlaces
from callchart.engine.ports import WordTiming


def places(text: str, spoken: str) -> list[tuple[str, float, float]]:
    """Return the timings of the words of `text`, if each word of `spoken` lasts 1 s."""
    found = WordPlaces(text)
    timings = [WordTiming(word, at, at + 1) for at, word in enumerate(spoken.split())]
    for timing in timings:
        found.add_spoken([timing])
    return [(word.word, word.start_s, word.end_s) for word in found.known]


def test_words_match_apart_from_case_and_punctuation() -> None:
    assert places("Да, «Ёлка» — это он!", "да елка это он") == [
        ("Да,", 0, 1),
        ("«Ёлка»", 1, 2),
        ("—", 2, 2),
        ("это", 2, 3),
        ("он!", 3, 4),
    ]


def test_unmatched_time_is_shared_by_characters() -> None:
    assert places("стоит 250 кг , да", "стоит двести пятьдесят килограммов да") == [
        ("стоит", 0, 1),
        ("250", 1, pytest.approx(2.8)),
        ("кг", pytest.approx(2.8), pytest.approx(4)),
        (",", 4, 4),
        ("да", 4, 5),
    ]


def test_words_after_the_last_match_have_no_timing_yet() -> None:
    assert places("всего 25 штук", "всего двадцать пять") == [("всего", 0, 1)]
    assert places("25", "двадцать пять") == []


def test_a_word_beyond_the_lookahead_is_not_a_match() -> None:
    assert places("1 2 3 4 5 6 и", "и") == []


def test_timings_never_overlap() -> None:
    found = WordPlaces("a b")
    found.add_spoken([WordTiming("a", 0.0, 1.01), WordTiming("b", 1.0, 1.005)])
    assert found.known == (WordTiming("a", 0.0, 1.01), WordTiming("b", 1.01, 1.01))


@given(
    st.lists(st.sampled_from("ab1-"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12)
)
def test_the_known_words_are_the_beginning_of_the_text(text: list[str], spoken: list[str]) -> None:
    known = places(" ".join(text), " ".join(spoken))
    assert [word for word, _, _ in known] == text[: len(known)]
    assert all(start <= end for _, start, end in known)
    assert all(before[2] <= after[1] for before, after in pairwise(known))
