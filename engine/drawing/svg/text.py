"""Text in a picture: its sizes, its width, and words broken into lines that fit.

All lengths are CSS px.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from typing import Final

#: The fonts of every picture: the widths below are those of the first ones.
FONTS: Final = "Helvetica, Arial, 'Liberation Sans', Arimo, 'Segoe UI', Roboto, sans-serif"
#: Sizes of text, and the height of one line of it.
TITLE, SMALL, LINE = 13.0, 11.0, 14.0

# The advance widths of Helvetica and Arial, in 1/1000 em.
_WIDTHS = {
    **dict.fromkeys("abdeghnopquL0123456789_+=<>?", 556),
    **dict.fromkeys("cksvxyzJ", 500),
    **dict.fromkeys("ijl'|", 222),
    **dict.fromkeys("ft .,:;/[]!I·", 278),
    **dict.fromkeys('r()-"', 333),
    **dict.fromkeys("ABEKPSVXY", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("FTZ", 611),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("mM", 833),
    "W": 944,
}


#: The fonts that replace Arial are up to a tenth wider.
_SPARE, _SPARE_BOLD = 1.1, 1.18


def text_width(text: str, size: float = SMALL, *, bold: bool = False) -> float:
    """Return the width of the text: a tenth more than in Arial, for the fonts that replace it."""
    ems = sum(map(_width, text)) / 1000
    return ems * size * (_SPARE_BOLD if bold else _SPARE)


def _width(letter: str) -> int:
    """Return the width in 1/1000 em. A letter that Arial's table lacks counts as a wide one."""
    known = _WIDTHS.get(letter)
    if known is not None:
        return known
    return 700 if unicodedata.category(letter) == "Ll" else 1000


def escaped(text: str) -> str:
    """Return the text fit for XML, which allows no control characters, not even escaped ones."""
    return escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text))


def broken(text: str, width: float, size: float = SMALL) -> list[str]:
    """Return the text in lines that are no wider; a word that is wider has its own line."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def fitted(text: str, size: float, width: float, room: float) -> list[str]:
    """Return the text in one or two lines of at most `room`, if need be with an ellipsis.

    One line may be a little wider than `width`, two lines are no wider than it where possible."""
    for limit, most in ((min(width + 5 * size, room), 1), (min(width, room), 2), (room, 2)):
        lines = broken(text, limit, size)
        if len(lines) <= most and all(text_width(line, size) <= limit for line in lines):
            return lines
    words = text.split()
    while words:
        words.pop()
        lines = broken(" ".join([*words, "…"]), room, size)
        if len(lines) <= 2 and all(text_width(line, size) <= room for line in lines):
            return lines
    return []


def cut_to(text: str, size: float, room: float) -> str:
    """Return the text, cut and with an ellipsis where it is wider than `room`."""
    ems, fits = 0, 0
    most = room / (size * _SPARE) * 1000
    for letter in text:
        ems += _width(letter)
        if ems > most:
            return text[:fits].rstrip() + "…"
        # The letters that an ellipsis may follow.
        fits += ems + _width("…") <= most
    return text
