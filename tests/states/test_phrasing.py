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
def test_a_text_of_english_backchannels_is_found_in_any_case_and_punctuation(text: str) -> None:
    assert consists_of(text, ENGLISH)


@pytest.mark.parametrize(
    "text", ["угу", "Ага.", "Так-так", "Да-да, понятно!", "ЯСНО", "ну да, хорошо", "Ок"]
)
def test_a_text_of_russian_backchannels_is_found_in_any_case_and_punctuation(text: str) -> None:
    assert consists_of(text, RUSSIAN)


@pytest.mark.parametrize(
    "text", ["", "...", "no", "yes, but", "right now", "go", "okay stop", "yeahright", "uh"]
)
def test_other_english_text_is_not_taken_for_a_backchannel(text: str) -> None:
    assert not consists_of(text, ENGLISH)


@pytest.mark.parametrize("text", ["нет", "да, но", "понятно, а цена?", "таксист", "хорошо стойте"])
def test_other_russian_text_is_not_taken_for_a_backchannel(text: str) -> None:
    assert not consists_of(text, RUSSIAN)


@pytest.mark.parametrize(
    ("text", "so_far"), [("OK, go", True), ("I", True), ("go on, I", True), ("go away", False)]
)
def test_an_incomplete_phrase_counts_so_far(text: str, so_far: bool) -> None:
    assert not consists_of(text, ENGLISH)
    assert consists_of(text, ENGLISH, so_far=True) is so_far


def test_two_spellings_of_a_russian_letter_are_equal() -> None:
    assert consists_of("Ещё, ЕЩЕ", ["ещё"])


def test_no_text_consists_of_no_phrases() -> None:
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
def test_a_question_is_recognised_by_its_mark_or_its_first_words(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text",
    ["", "what", "How about", "What does it cost? Tell me.", "скажите сколько", "I know how"],
)
def test_other_text_and_the_beginning_of_a_question_are_not_questions(text: str) -> None:
    assert not is_question(text)


@pytest.mark.parametrize(
    "text",
    ["nails, ", "nails and", "I mean the", "um", "Well, uhhh", "nails...", "гвозди и", "эээм", "к"],
)
def test_a_text_that_goes_on_sounds_unfinished(text: str) -> None:
    assert sounds_unfinished(text)


@pytest.mark.parametrize("text", ["", "nails.", "the land", "гвозди", "Ещё"])
def test_a_finished_text_does_not_sound_unfinished(text: str) -> None:
    assert not sounds_unfinished(text)
