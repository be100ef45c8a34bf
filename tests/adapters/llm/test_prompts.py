"""The prompts explain the marks that the adapter writes and the chunker reads."""

from __future__ import annotations

from typing import get_args

import pytest

from callchart.adapters.llm.history import tokens_of_words
from callchart.adapters.llm.openai import CONTEXT_TOKENS
from callchart.adapters.llm.prompts import INTERRUPTED, PROMPTS, Language
from callchart.engine.reply.chunker import Chunker

LANGUAGES: tuple[Language, ...] = get_args(Language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_prompt_explains_the_chunk_mark_and_the_interruption_mark(language: Language) -> None:
    assert PROMPTS[language].count("|") > 3
    assert PROMPTS[language].count(INTERRUPTED[language]) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_in_a_prompt_has_three_marked_chunks(language: Language) -> None:
    begin, end = {"en": ("Yes, of course", '"'), "ru": ("Да, конечно", "»")}[language]
    example = begin + PROMPTS[language].partition(begin)[2].partition(end)[0]
    chunker = Chunker(250)
    chunks = chunker.feed_text(example)
    assert len(chunks) == chunker.marked == 3
    assert chunker.take_rest() == []
    assert len(chunks[0]) < 20  # a short first chunk is heard sooner


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_prompt_takes_less_than_half_of_the_context(language: Language) -> None:
    assert tokens_of_words(PROMPTS[language]) < CONTEXT_TOKENS / 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_prompt_contains_no_tool_name(language: Language) -> None:
    assert "_" not in PROMPTS[language]
