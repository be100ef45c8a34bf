"""The cuts of a text: at marks, at sentences, by length, and on demand."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callchart.engine.reply.chunker import Chunker

LONGEST = 40


def cut(pieces: str | Iterable[str], longest: int = 250) -> list[str]:
    """Return the chunks of a whole text that arrives in these pieces."""
    chunker = Chunker(longest)
    chunks = [chunk for piece in pieces for chunk in chunker.feed_text(piece)]
    return [*chunks, *chunker.take_rest()]


# --- at "|" --------------------------------------------------------------------------------------


def test_a_mark_cuts_immediately() -> None:
    chunker = Chunker(250)

    assert chunker.feed_text("We are open.") == []
    assert chunker.feed_text("|") == ["We are open."]
    assert chunker.marked == 1


def test_a_chunk_contains_no_mark() -> None:
    assert cut(["We are open| from nine |to five.|"]) == ["We are open", "from nine", "to five."]


def test_one_token_may_hold_many_marks() -> None:
    assert cut(["a|b|c|d"]) == ["a", "b", "c", "d"]


def test_sentences_are_not_cut_after_the_first_mark() -> None:
    assert cut(["Yes.| We are. We really are. |No."]) == ["Yes.", "We are. We really are.", "No."]


@pytest.mark.parametrize("text", ["|", "|||", " | | ", "|...|", "| - |", "\n|\n"])
def test_marks_alone_make_no_chunk(text: str) -> None:
    assert cut([text]) == []


# --- at the end of a sentence --------------------------------------------------------------------


def test_a_sentence_is_cut_once_the_next_one_has_begun() -> None:
    chunker = Chunker(250)

    assert chunker.feed_text("We are open.") == []
    assert chunker.feed_text(" ") == []
    assert chunker.feed_text("W") == ["We are open."]
    assert chunker.feed_text("e close at five.") == []
    assert chunker.take_rest() == ["We close at five."]


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("Really? Yes! Good.", ["Really?", "Yes!", "Good."]),
        ("Wait... What?! No.", ["Wait...", "What?!", "No."]),
        ("Wait… What", ["Wait…", "What"]),
        ('She said "no." Then she left.', ['She said "no."', "Then she left."]),
        ("(It is.) So.", ["(It is.)", "So."]),
        ("Он сказал «да.» Потом ушёл.", ["Он сказал «да.»", "Потом ушёл."]),
        ("Мы открыты. Приходите завтра! Ждём.", ["Мы открыты.", "Приходите завтра!", "Ждём."]),
        ("One\nTwo\n\nThree", ["One", "Two", "Three"]),
        ('He left. "Why?" she asked.', ["He left.", '"Why?" she asked.']),
        ("Ready? 🙂 Go!", ["Ready?", "🙂 Go!"]),
    ],
)
def test_sentences_are_cut_after_their_end(text: str, chunks: list[str]) -> None:
    assert cut([text]) == chunks


@pytest.mark.parametrize(
    "text",
    [
        "It costs 3.50 euros.",
        "It costs 3. 50 is too much",
        "Take a tool, e.g. a hammer, with you.",
        "Возьмите, напр. молоток.",
        "See example.com for more.",
        "At 5 p.m. we close.",
        "Call me... maybe.",
    ],
)
def test_a_point_within_a_sentence_does_not_cut(text: str) -> None:
    assert cut([text]) == [text]


# --- by length, by time --------------------------------------------------------------------------


def test_a_long_text_is_cut_at_the_last_word_that_fits() -> None:
    chunks = cut(["one two three four five six seven eight"], longest=20)

    assert chunks == ["one two three four", "five six seven eight"]


def test_a_word_that_just_fits_is_not_cut_off() -> None:
    assert cut(["x" * 10 + " " + "y" * 9 + " z"], longest=20) == ["x" * 10 + " " + "y" * 9, "z"]


def test_a_word_that_is_too_long_is_broken() -> None:
    assert cut(["x" * 45], longest=20) == ["x" * 20, "x" * 20, "x" * 5]


def test_text_is_cut_at_its_limit_before_a_later_mark_or_sentence() -> None:
    assert cut(["one two three four five|six"], longest=20) == ["one two three four", "five", "six"]
    assert cut(["one two three four five. Six"], longest=20) == [
        "one two three four",
        "five.",
        "Six",
    ]


def test_ten_thousand_characters_are_cut() -> None:
    words = " ".join(["word"] * 2000)

    chunks = cut([words])

    assert " ".join(chunks) == words
    assert max(map(len, chunks)) <= 250


def test_overdue_text_is_cut_after_its_last_whole_word() -> None:
    chunker = Chunker(250)
    chunker.feed_text("let me see wha")

    assert chunker.pending
    assert chunker.take_overdue() == ["let me see"]
    assert chunker.feed_text("t we have") == []
    assert chunker.take_rest() == ["what we have"]


@pytest.mark.parametrize("text", ["wha", "  wha", "wha  "])
def test_half_a_word_alone_is_never_overdue(text: str) -> None:
    chunker = Chunker(250)
    chunker.feed_text(text)

    assert chunker.take_overdue() == []
    assert chunker.take_rest() == ["wha"]


@pytest.mark.parametrize("text", ["", "   ", "...", " \n"])
def test_text_that_cannot_be_spoken_is_not_pending(text: str) -> None:
    chunker = Chunker(250)
    chunker.feed_text(text)

    assert not chunker.pending
    assert chunker.take_rest() == []


# --- for any text ---------------------------------------------------------------------------

letters = st.sampled_from([*"abcABC дЁя19", *"   |||...,!?\n\"»)'…-🙂\t"])
texts = st.lists(letters, max_size=160).map("".join)


def spoken(text: str) -> str:
    """Return the letters and digits of a text: the part that is heard."""
    return re.sub(r"\W", "", text)


@given(texts, st.integers(20, 60))
@example("word. " * 30, 20)
def test_each_word_is_in_one_chunk(text: str, longest: int) -> None:
    assert spoken("".join(cut([text], longest))) == spoken(text)


@given(texts, st.integers(20, 60))
def test_every_chunk_can_be_spoken_and_synthesised(text: str, longest: int) -> None:
    for chunk in cut([text], longest):
        assert re.search(r"\w", chunk)
        assert len(chunk) <= longest
        assert "|" not in chunk
        assert chunk == chunk.strip()


@given(st.lists(texts, max_size=5).map("".join), st.data())
def test_the_chunks_do_not_depend_on_how_the_text_was_split_into_tokens(
    text: str, data: st.DataObject
) -> None:
    # The limit is never reached, because a cut by length depends on the white space that follows.
    tokens, rest = [], text
    while rest:
        size = data.draw(st.integers(1, 12))
        tokens.append(rest[:size])
        rest = rest[size:]

    assert cut(tokens, longest=5000) == cut([text], longest=5000)


@given(texts)
def test_marks_are_counted_one_by_one(text: str) -> None:
    chunker = Chunker(5000)
    chunker.feed_text(text)

    assert chunker.marked == text.count("|")
