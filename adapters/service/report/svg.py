"""SVG as text: shapes in the order in which they are painted, and words that fit their room.

Sizes are in pixels."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from xml.sax.saxutils import escape

#: What the widths below are true of.
FONTS: Final = "'Segoe UI', 'Helvetica Neue', Roboto, Arial, sans-serif"


class Picture:
    """SVG elements in the order in which they are painted."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str,
        *,
        rounded: float = 0,
        stroke: str = "",
        opacity: float = 1,
        title: str = "",
        kind: str = "",
    ) -> None:
        more = f' class="{kind}"' if kind else ""
        more += f' rx="{rounded:g}"' if rounded else ""
        more += f' stroke="{stroke}"' if stroke else ""
        more += f' fill-opacity="{opacity:g}"' if opacity != 1 else ""
        shape = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        inside = f"><title>{escaped(title)}</title></rect>" if title else "/>"
        self.parts.append(f'{shape} fill="{fill}"{more}{inside}')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        fill: str,
        *,
        bold: bool = False,
        ends: bool = False,
        kind: str = "",
    ) -> None:
        """From `x` on; with `ends`, up to it."""
        more = f' class="{kind}"' if kind else ""
        more += ' font-weight="600"' if bold else ""
        more += ' text-anchor="end"' if ends else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}"{more}>'
            f"{escaped(text)}</text>"
        )

    def path(self, moves: str, stroke: str, width: float, *, more: str = "") -> None:
        self.parts.append(
            f'<path d="{moves}" fill="none" stroke="{stroke}" stroke-width="{width:g}"{more}/>'
        )


def escaped(text: str) -> str:
    """Fit for XML, which has no control characters, not even escaped."""
    return escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text))


def text_width(text: str, size: float) -> float:
    """How wide a text is at most, in the sans-serif fonts that the picture asks for."""
    return size * sum(map(_em, text))


def _em(character: str) -> float:
    # Arial's widths and a little more: Helvetica, Segoe UI, Roboto and Liberation Sans are like it.
    if character in " ijlI.,:;'|!·":
        return 0.3
    if character in 'tfr-()[]"/':
        return 0.37
    if character in "mwMW—@%…":
        return 1.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character.isupper() or ord(character) > 0x2FF:
        return 0.74
    return 0.6


def _lines(text: str, size: float, width: float, most: int) -> list[str] | None:
    """The text in at most so many lines, or None if that is too few."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        elif len(lines) < most and text_width(word, size) <= width:
            lines.append(word)
        else:
            return None
    return lines


def fitted(text: str, size: float, width: float, room: float) -> list[str]:
    """One line hardly longer than the sound, else two; else with an ellipsis."""
    for limit, most in ((min(width + 5 * size, room), 1), (min(width, room), 2), (room, 2)):
        if (lines := _lines(text, size, limit, most)) is not None:
            return lines
    words = text.split()
    while words:
        words.pop()
        if lines := _lines(" ".join([*words, "…"]), size, room, 2):
            return lines
    return []


def fitted_to(text: str, size: float, room: float) -> str:
    while text_width(text, size) > room:
        text = text[:-2].rstrip() + "…"
    return text
