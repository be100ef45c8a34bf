"""The text of Whisper's tokens, and the rejection of text without speech."""

from __future__ import annotations

import pytest

from callchart.adapters.stt.whisper.text import Guess


def guess(text: str, score: float = -0.3, no_speech: float = 0.05) -> Guess:
    """Return a guess with one token a letter."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = [
        chr(byte) if byte in plain else chr(0x100 + others.index(byte)) for byte in text.encode()
    ]
    return Guess(tuple(letters), score, no_speech)


def test_tokens_spell_words_wherever_a_letter_was_cut() -> None:
    tokens = ("<|ru|>", "ĠÐ", "Ķ", "Ð°", ",", "ĠYes", "<|endoftext|>")
    assert Guess(tokens, -0.1, 0.0).text == "Да, Yes"


def test_half_a_letter_at_the_end_is_left_out() -> None:
    assert Guess(("Ð°", "Ð"), -0.1, 0.0).text == "а"


@pytest.mark.parametrize(
    "text", ["Угу.", "Сколько стоит РЭМ 600?", "OK.", "I need an ATM.", "Uh-huh.", "Да", "100 кН"]
)
def test_what_callers_say_is_speech(text: str) -> None:
    assert guess(text).is_speech


@pytest.mark.parametrize(
    "text",
    [
        "Редактор субтитров А.Синецкая Корректор А.Кулакова",
        "Субтитры сделал DimaTorzok",
        "Продолжение следует...",
        "СПОКОЙНАЯ МУЗЫКА",
        "ТЕЛЕФОННЫЙ ЗВОНОК",
        "Thanks for watching!",
        "[Music]",
        "(phone ringing)",
        "♪♪",
    ],
)
def test_what_subtitlers_write_is_none(text: str) -> None:
    assert not guess(text).is_speech


def test_a_sound_that_is_surely_silence_has_no_words_however_sure_they_are() -> None:
    assert not guess("Тревога", score=-0.1, no_speech=0.8).is_speech


def test_a_doubtful_sound_has_words_if_they_make_sense() -> None:
    assert guess("Да, конечно.", score=-0.4, no_speech=0.4).is_speech
    assert not guess("You", score=-3.4, no_speech=0.4).is_speech


def test_the_same_words_over_and_over_run_on() -> None:
    assert guess("Слышь, дай мне, " * 8).runs_on
    assert not guess("Сколько стоит доставка в Казань и когда она приедет?").runs_on
    assert not guess("").runs_on
