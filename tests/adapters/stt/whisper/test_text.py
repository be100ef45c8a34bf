"""The text of Whisper's tokens, and the rejection of text without speech."""

from __future__ import annotations

import pytest

from callchart.adapters.stt.whisper.text import Guess


def guess(text: str, score: float = -0.3, no_speech: float = 0.05) -> Guess:
    """Return a guess with one token for each byte of the text."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = [
        chr(byte) if byte in plain else chr(0x100 + others.index(byte)) for byte in text.encode()
    ]
    return Guess(tuple(letters), score, no_speech)


def test_letters_split_between_tokens_are_joined() -> None:
    tokens = ("<|ru|>", "ĠÐ", "Ķ", "Ð°", ",", "ĠYes", "<|endoftext|>")
    assert Guess(tokens, -0.1, 0.0).text == "Да, Yes"


def test_an_incomplete_letter_at_the_end_is_dropped() -> None:
    assert Guess(("Ð°", "Ð"), -0.1, 0.0).text == "а"


@pytest.mark.parametrize(
    "text", ["Угу.", "Сколько стоит РЭМ 600?", "OK.", "I need an ATM.", "Uh-huh.", "Да", "100 кН"]
)
def test_ordinary_words_are_speech(text: str) -> None:
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
def test_captions_are_not_speech(text: str) -> None:
    assert not guess(text).is_speech


def test_a_high_no_speech_rejects_the_text_at_any_score() -> None:
    assert not guess("Тревога", score=-0.1, no_speech=0.8).is_speech


def test_a_medium_no_speech_rejects_only_a_low_score() -> None:
    assert guess("Да, конечно.", score=-0.4, no_speech=0.4).is_speech
    assert not guess("You", score=-3.4, no_speech=0.4).is_speech


def test_repeated_words_run_on() -> None:
    assert guess("Слышь, дай мне, " * 8).runs_on
    assert not guess("Сколько стоит доставка в Казань и когда она приедет?").runs_on
    assert not guess("").runs_on
