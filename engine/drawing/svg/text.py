"""Text in a picture: its size, its width, and its division into lines.

All lengths are CSS px.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from typing import Final

#: The fonts of every picture. The widths below are those of Helvetica and Arial.
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


#: The widths in the widest of the fonts, upright and bold; 1 is the width in Arial.
_WIDEST, _WIDEST_BOLD = 1.1, 1.18


def text_width(text: str, size: float = SMALL, *, bold: bool = False) -> float:
    """Return the width of the text in the widest of the fonts."""
    ems = sum(map(_width, text)) / 1000
    return ems * size * (_WIDEST_BOLD if bold else _WIDEST)


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
    """Return the text in lines of at most `width`. A wider word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def fitted(text: str, size: float, width: float, room: float) -> list[str]:
    """Return the text in one or two lines of at most `room`, shortened with an ellipsis if needed.

    One line may be a little wider than `width`; two lines are at most so wide if possible."""
    for limit, count in ((min(width + 5 * size, room), 1), (min(width, room), 2), (room, 2)):
        lines = broken(text, limit, size)
        if len(lines) <= count and all(text_width(line, size) <= limit for line in lines):
            return lines
    words = text.split()
    while words:
        words.pop()
        lines = broken(" ".join([*words, "…"]), room, size)
        if len(lines) <= 2 and all(text_width(line, size) <= room for line in lines):
            return lines
    return []


def cut_to(text: str, size: float, room: float) -> str:
    """Return the text; if it is wider than `room`, cut it and add an ellipsis."""
    ems, fits = 0, 0
    room_ems = room / (size * _WIDEST) * 1000
    for letter in text:
        ems += _width(letter)
        if ems > room_ems:
            return text[:fits].rstrip() + "…"
        # Count the letters that leave room for an ellipsis.
        fits += ems + _width("…") <= room_ems
    return text
