"""The texts in the requests to SpeechKit: without markup, and split by length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callchart.adapters.tts.yandex.text import requests, spoken


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("This is **very** good.", "This is very good."),
        ("Wait. sil<[300]> Now.", "Wait.   Now."),
        ("Wait <[small]>here <[accented]>now.", "Wait  here  now."),
        ("Say [[v a]] twice.", "Say v a twice."),
        ("fine 👍🏽 👨‍👩‍👧 🇷🇺 1️⃣", "fine    1"),
        ("zero\0inside, lone \ud83d surrogate", "zeroinside, lone  surrogate"),
        ("№ 5 ™, 20 °C, 5 €, 2 + 2 = 4", "№ 5 ™, 20 °C, 5 €, 2 + 2 = 4"),
        ("з+амок, зам+ок, +7 495", "з+амок, зам+ок, +7 495"),
        ("a\nb", "a\nb"),
        ("東京, naïve, e\u0301te\u0301", "東京, naïve, e\u0301te\u0301"),
    ],
)
def test_markup_and_pictures_are_removed_and_words_stay(text: str, given: str) -> None:
    assert spoken(text) == given


@pytest.mark.parametrize(
    "text", ["", " \n", "👍", "— … !?", "**", "<[small]>", "sil<[300]>", "\x07"]
)
def test_a_text_without_words_becomes_empty(text: str) -> None:
    assert spoken(text) == ""


def test_a_text_that_fits_is_one_request() -> None:
    assert list(requests("One. Two.", 9)) == ["One. Two."]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two. Three four.", ["One. Two.", "Three four."]),
        ("One two three", ["One two", "three"]),
        ("Версия 3.5 вышла", ["Версия 3.5", "вышла"]),
        ("x" * 25, ["x" * 12, "x" * 12, "x"]),
        ("One. — — — — — Two.", ["One.", "Two."]),
        ("Twelve sign. Next", ["Twelve sign.", "Next"]),
        ("... ... ... ... no", ["... no"]),
    ],
)
def test_a_long_text_is_split_after_a_sentence_else_a_word_else_anywhere(
    text: str, parts: list[str]
) -> None:
    assert list(requests(text, 12)) == parts


@given(st.text("ab .!?—", max_size=60))
def test_splitting_loses_no_letter_and_keeps_the_limit(text: str) -> None:
    parts = list(requests(text, 7))
    assert "".join(filter(str.isalnum, "".join(parts))) == "".join(filter(str.isalnum, text))
    assert all(len(part) <= 7 for part in parts)
