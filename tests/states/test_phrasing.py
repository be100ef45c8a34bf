"""Signs in the caller's wording that tell whose turn it is."""

from __future__ import annotations

import pytest

from callchart.adapters.service.providers.scripts import SCRIPTS
from callchart.states.phrasing import consists_of, is_question, sounds_unfinished

ENGLISH = SCRIPTS["en"].backchannels
RUSSIAN = SCRIPTS["ru"].backchannels


@pytest.mark.parametrize(
    "text", ["uh-huh", "Uh huh.", "MHM", "Yeah, yeah!", "OK, go on.", "I see... right", "All right"]
)
def test_an_english_backchannel_in_any_case_and_punctuation(text: str) -> None:
    assert consists_of(text, ENGLISH)


@pytest.mark.parametrize(
    "text", ["угу", "Ага.", "Так-так", "Да-да, понятно!", "ЯСНО", "ну да, хорошо", "Ок"]
)
def test_a_russian_backchannel_in_any_case_and_punctuation(text: str) -> None:
    assert consists_of(text, RUSSIAN)


@pytest.mark.parametrize(
    "text", ["", "...", "no", "yes, but", "right now", "go", "okay stop", "yeahright", "uh"]
)
def test_what_is_no_backchannel(text: str) -> None:
    assert not consists_of(text, ENGLISH)


@pytest.mark.parametrize("text", ["нет", "да, но", "понятно, а цена?", "таксист", "хорошо стойте"])
def test_what_is_no_russian_backchannel(text: str) -> None:
    assert not consists_of(text, RUSSIAN)


@pytest.mark.parametrize(
    ("text", "so_far"), [("OK, go", True), ("I", True), ("go on, I", True), ("go away", False)]
)
def test_a_phrase_may_lack_words_so_far(text: str, so_far: bool) -> None:
    assert not consists_of(text, ENGLISH)
    assert consists_of(text, ENGLISH, so_far=True) is so_far


def test_two_ways_to_write_a_russian_letter_are_one() -> None:
    assert consists_of("Ещё, ЕЩЕ", ["ещё"])


def test_without_phrases_nothing_is_made_of_them() -> None:
    assert not consists_of("yes", [])
    assert not consists_of("", ["..."])


@pytest.mark.parametrize(
    "text",
    [
        "Is it?",
        "I see. What does it cost",
        "How do you do",
        "Можно заказать доставку",
        "Гвозди. А сколько они стоят?",
    ],
)
def test_what_is_a_question(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text",
    ["", "what", "How about", "What does it cost? Tell me.", "скажите сколько", "I know how"],
)
def test_what_is_no_question_or_only_begins_one(text: str) -> None:
    assert not is_question(text)


@pytest.mark.parametrize(
    "text",
    ["nails, ", "nails and", "I mean the", "um", "Well, uhhh", "nails...", "гвозди и", "эээм", "к"],
)
def test_what_sounds_unfinished(text: str) -> None:
    assert sounds_unfinished(text)


@pytest.mark.parametrize("text", ["", "nails.", "the land", "гвозди", "Ещё"])
def test_what_does_not_sound_unfinished(text: str) -> None:
    assert not sounds_unfinished(text)
