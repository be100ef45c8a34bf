"""Files of scripted answers: their values and mistakes, and answers to misheard words."""

from __future__ import annotations

from pathlib import Path

import pytest

from callchart.adapters.service.demo.answers import DEMO_ANSWERS, Answers, AnswersError
from callchart.adapters.service.demo.parts import offline


def read(tmp_path: Path, text: str) -> Answers:
    path = tmp_path / "answers.toml"
    path.write_text(text, encoding="utf-8")
    return Answers.read(path)


@pytest.fixture(scope="module")
def demo() -> Answers:
    return Answers.read(DEMO_ANSWERS)


@pytest.fixture(scope="module")
def russian() -> Answers:
    return Answers.read(offline("ru", Path()).answers)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Hello, what are your opening hours on the weekend?", "opening hours"),
        ("hello what are your opening hours on the weekend", "opening hours"),
        ("hello what are you opening ours on the week and", "opening hours"),
        ("Wait, stop. I want to ask about something else.", "something else"),
        ("wait stop i want to ask about something else", "something else"),
        ("wade stop i want to ask about some thing else", "something else"),
        ("how much does the delivery cost and when will it arrive", "delivery"),
        ("how much does the liver recast and when will it a rive", "delivery"),
        ("thank you that is all goodbye", "goodbye"),
        ("thank you that is all good by", "goodbye"),
        ("please connect me to a manager", "a person"),
        ("the cat sat on the mat", "[otherwise]"),
        ("", "[otherwise]"),
    ],
)
def test_the_demo_finds_its_answers_in_spite_of_recognition_errors(
    demo: Answers, words: str, name: str
) -> None:
    assert demo.answer_to(words).name == name


def test_only_the_goodbye_of_the_demo_ends_the_call(demo: Answers) -> None:
    assert [answer.name for answer in demo.answers if answer.hang_up] == ["goodbye"]
    assert not demo.otherwise.hang_up


def test_every_answer_of_the_demo_ends_with_a_piece_that_can_be_spoken(demo: Answers) -> None:
    for answer in (*demo.answers, demo.otherwise):
        assert answer.text.endswith("|")
        assert "\n" not in answer.text


def test_the_first_answer_of_the_demo_is_longer_than_its_caller_waits(demo: Answers) -> None:
    pieces = demo.answer_to("opening hours").text.rstrip("|").split("|")
    # A piece of 7 to 11 words takes 2 to 3 s at the 175 words a minute of espeak-ng.
    assert len(pieces) >= 4
    assert all(7 <= len(piece.split()) <= 11 for piece in pieces)


def test_the_answer_with_most_keywords_wins_and_at_a_tie_the_first(tmp_path: Path) -> None:
    answers = read(
        tmp_path,
        """
        pace = {}
        otherwise.says = "Pardon?"
        [[answer]]
        name = "first"
        hears = ["red", "blue"]
        says = "First."
        [[answer]]
        name = "second"
        hears = ["red", "big house"]
        says = "Second."
        """,
    )
    assert answers.answer_to("red").name == "first"
    assert answers.answer_to("a red and big house").name == "second"
    assert answers.answer_to("a big red house").name == "first"
    assert answers.answer_to("reddish").name == "[otherwise]"


def test_tokens_are_words_with_their_space_at_the_files_pace_or_their_own(tmp_path: Path) -> None:
    answers = read(
        tmp_path,
        """
        pace = { first_token = 0.5, per_token = 0.25 }
        otherwise = { says = " One moment.| Please! ", per_token = 0.125 }
        """,
    )
    answer = answers.otherwise
    assert answer.tokens == ("One ", "moment.| ", "Please!")
    assert (answer.first_token_s, answer.per_token_s) == (0.5, 0.125)


def test_failures_and_hangs_are_answers_too(tmp_path: Path) -> None:
    answers = read(
        tmp_path,
        """
        pace = {}
        otherwise = { fail = 503 }
        answer = [
            { hears = ["think"], hang = true },
            { hears = ["bye"], says = "Bye", hang_up = true },
        ]
        """,
    )
    assert answers.otherwise.fail == 503
    assert answers.answer_to("think").hang
    assert answers.answer_to("think").tokens == ()
    assert answers.answer_to("bye").hang_up


RULE = '[pace]\n[otherwise]\nsays = "Pardon?"\n[[answer]]\n'


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Здравствуйте! Расскажите, пожалуйста, про РЭМ шестьсот.", "РЭМ шестьсот"),
        ("правем 600", "РЭМ шестьсот"),
        ("Подождите, мне нужна машина поменьше, на сто килоньютонов.", "поменьше"),
        ("на 100 кг", "поменьше"),
        ("А какая у неё максимальная нагрузка?", "нагрузка"),
        ("а какая у нее максимальная нагрузка", "нагрузка"),
        ("Сколько стоит доставка в казане, когда она приедет?", "доставка"),
        ("Соедините меня, пожалуйста, с менеджером.", "человек"),
        ("Спасибо, всё понятно. До свидания!", "прощание"),
        ("Мама мыла раму", "[otherwise]"),
    ],
)
def test_misheard_russian_finds_its_answer(russian: Answers, words: str, name: str) -> None:
    assert russian.answer_to(words).name == name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("says = ", " must be TOML: Invalid value (at end of document)"),
        ('[otherwise]\nsays = "x"', "[pace] must be a table, got nothing; add it"),
        ("[pace]", "[otherwise] must be a table"),
        ("[pace]\n[otherwise]", "[otherwise]: says must be a text, got nothing; "),
        (
            "answers = 1",
            "the file: answers is not a known key; known keys: answer, otherwise, pace",
        ),
        ("[pace]\nfirst = 1", "[pace]: first is not a known key"),
        ("[pace]\nfirst_token = true", "[pace]: first_token must be a number of seconds"),
        ('[pace]\n[otherwise]\nhears = ["x"]', "[otherwise]: hears must be absent, got ['x']"),
        (
            'answer = "x"\n[pace]\n[otherwise]\nsays = "x"',
            "answer must be a list of tables, got 'x'",
        ),
        (RULE + 'says = "x"', "[[answer]] number 1: hears must be a list of keywords"),
        (RULE + 'hears = "x"', "[[answer]] number 1: hears must be a list of keywords"),
        (RULE + 'hears = [" "]', "[[answer]] number 1: hears must be a list of keywords"),
        (RULE + 'hears = ["x"]', "[[answer]] number 1: says must be a text"),
        (RULE + 'hears = ["x"]\nsays = 5', "number 1: says must be a string, got 5"),
        (RULE + 'hears = ["x"]\nsays = "x"\nhang_up = 1', "hang_up must be true or false, got 1"),
        (RULE + 'hears = ["x"]\nsays = "x"\nhangup = true', "number 1: hangup is not a known key"),
        (RULE + 'hears = ["x"]\nsays = "x"\nper_token = -1', "per_token must be at least 0 s"),
        (RULE + 'hears = ["x"]\nsays = "x"\nper_token = nan', "per_token must be at least 0 s"),
        (RULE + 'hears = ["x"]\nsays = "x"\nfirst_token = "1"', "must be a number of seconds"),
        (RULE + 'hears = ["x"]\nfail = 200', "HTTP error status such as 503, got 200"),
        (RULE + 'hears = ["x"]\nfail = "503"', "fail must be an HTTP error status"),
        (RULE + 'hears = ["x"]\nfail = [503]', "fail must be an HTTP error status"),
        (RULE + 'hears = ["x"]\nfail = 503\nsays = "x"', "fail must be absent with says"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_it(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(AnswersError) as refusal:
        read(tmp_path, text)
    message = str(refusal.value)
    assert message.startswith(f"{tmp_path / 'answers.toml'}")
    assert complaint in message
    assert "\n" not in message


def test_a_missing_or_binary_file_is_refused_in_one_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match=r"none\.toml must be a readable file: No such"):
        Answers.read(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"# \xff\xfe")
    with pytest.raises(
        AnswersError, match=r"binary\.toml must be UTF-8 text, got other bytes at byte 2"
    ):
        Answers.read(tmp_path / "binary.toml")
