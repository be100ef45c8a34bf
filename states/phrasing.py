"""What the wording of a caller's words tells about whose turn it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

Words = tuple[str, ...]


def is_made_of(text: str, phrases: Sequence[str], *, so_far: bool = False) -> bool:
    """Nothing in it but these phrases, in whatever case and punctuation; and something.

    `so_far`: the last one may still lack words: "OK, go" of "OK" and "go on"."""
    known = [words for phrase in phrases if (words := words_of(phrase))]
    words = words_of(text)
    return bool(words) and _are_made_of(words, known, so_far)


def words_of(text: str) -> Words:
    """Its words alone: "Uh-huh, go on!" has four, none with a capital."""
    return tuple(re.findall(r"\w+", text.casefold().replace("ё", "е")))


def _are_made_of(words: Words, phrases: Sequence[Words], so_far: bool) -> bool:
    if not words:
        return True
    return any(
        _are_made_of(words[len(phrase) :], phrases, so_far)
        if words[: len(phrase)] == phrase
        else so_far and words == phrase[: len(words)]
        for phrase in phrases
    )
