"""A text as SpeechKit is to speak it: without what it takes for markup, in requests of its size.

A model writes Markdown and emoji; it does not know that SpeechKit takes "**" for emphasis,
"<[small]>" and "sil<[300]>" for pauses and "[[...]]" for phonemes, and to speak emoji is nobody's
wish. All that goes, the words in between stay. A "+" stays too: before a Russian vowel it marks
stress, which a prompt may ask for, and anywhere else it is a plus that is read as such."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

#: SpeechKit's tags for pauses and emphasis; what is left of "**", "[[" and "]]" marks.
_TAG: Final = re.compile(r"(?:\bsil)?<\[[^\]]*\]>")
_MARK: Final = re.compile(r"\*\*|\[\[|\]\]")

#: Unicode's categories of signs without a sound: control, format (joins emoji), surrogates,
#: private, unassigned, enclosing (the box of a key); and of pictures, from the arrows on: below
#: those are signs that are read, as №, ° and ™.
_SILENT: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Me"})
_PICTURES: Final = frozenset({"So", "Sk"})
_FIRST_PICTURE: Final = "\u2190"

_SENTENCE: Final = re.compile(r"[.!?…]+[\"')»”]*\s")


def spoken(text: str) -> str:
    """`text` without markup and silent signs; empty where nothing of it can be spoken."""
    text = "".join(filter(_has_sound, _MARK.sub("", _TAG.sub(" ", text)))).strip()
    return text if _has_words(text) else ""


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def _has_sound(sign: str) -> bool:
    if sign.isspace() or (sign.isascii() and sign.isprintable()):
        return True
    category = unicodedata.category(sign)
    if category in _PICTURES:
        return sign < _FIRST_PICTURE
    # Variation selectors say that the sign before them is a picture.
    return category not in _SILENT and not "\ufe00" <= sign <= "\ufe0f"


def requests(text: str, longest: int) -> Iterator[str]:
    """A spoken text in parts of at most `longest` characters, each with something to speak: up to
    a sentence's end where there is one, else to a word's, else wherever it must be."""
    rest = text
    while len(rest) > longest:
        # A space right behind the limit ends a word that fits.
        ends = [match.end() - 1 for match in _SENTENCE.finditer(rest[: longest + 1])]
        end = ends[-1] if ends else rest.rfind(" ", 1, longest + 1)
        end = end if end > 0 else longest
        part, rest = rest[:end], rest[end:].lstrip()
        if _has_words(part):
            yield part
    if _has_words(rest):
        yield rest
