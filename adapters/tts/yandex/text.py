"""The preparation of a text for SpeechKit: markup is removed, and a long text is split.

A model writes Markdown and emoji, but SpeechKit reads "**" as emphasis, "<[small]>" and
"sil<[300]>" as pauses, "[[...]]" as phonemes, and speaks emoji. These marks are removed; the words
between them stay. A "+" stays too: before a Russian vowel it marks stress, which a prompt may ask
for; elsewhere SpeechKit reads it as "plus"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

#: SpeechKit's tags for pauses and emphasis, and its marks around emphasis and phonemes.
_TAG: Final = re.compile(r"(?:\bsil)?<\[[^\]]*\]>")
_MARK: Final = re.compile(r"\*\*|\[\[|\]\]")

#: Unicode's categories of silent characters: control, format (joins emoji), surrogate, private use,
#: unassigned, enclosing mark (the box around a keycap). And its categories of pictures: they are
#: silent from the arrows on; below the arrows are symbols that are read aloud, such as №, ° and ™.
_SILENT: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Me"})
_PICTURES: Final = frozenset({"So", "Sk"})
_FIRST_PICTURE: Final = "\u2190"

_SENTENCE: Final = re.compile(r"[.!?…]+[\"')»”]*\s")


def spoken(text: str) -> str:
    """Return `text` without markup and silent characters, or "" if it has nothing to speak."""
    text = "".join(filter(_has_sound, _MARK.sub("", _TAG.sub(" ", text)))).strip()
    return text if _has_words(text) else ""


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def _has_sound(character: str) -> bool:
    if character.isspace() or (character.isascii() and character.isprintable()):
        return True
    category = unicodedata.category(character)
    if category in _PICTURES:
        return character < _FIRST_PICTURE
    # A variation selector makes the character before it a picture.
    return category not in _SILENT and not "\ufe00" <= character <= "\ufe0f"


def requests(text: str, most_characters: int) -> Iterator[str]:
    """Split a text into parts of at most `most_characters`, each with something to speak.

    A part ends with a sentence if possible, otherwise with a word, otherwise at the limit."""
    rest = text
    while len(rest) > most_characters:
        # A space directly after the limit ends a word that fits.
        ends = [match.end() - 1 for match in _SENTENCE.finditer(rest[: most_characters + 1])]
        end = ends[-1] if ends else rest.rfind(" ", 1, most_characters + 1)
        end = end if end > 0 else most_characters
        part, rest = rest[:end], rest[end:].lstrip()
        if _has_words(part):
            yield part
    if _has_words(rest):
        yield rest
