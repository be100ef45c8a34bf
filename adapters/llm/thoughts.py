"""A filter that removes a reasoning model's thoughts from its text, so that they are not spoken.

Servers that know the model's format send thoughts in a field of their own. Others leave them in
the text, as `<think>...</think>`; a token may end in the middle of such a mark."""

from __future__ import annotations

import re
from typing import Final

_BEGIN: Final = "<think>"
_END: Final = "</think>"


class Thoughts:
    """A filter for one text, which arrives in pieces.

    An end mark without a beginning is removed, and the text before it stays. Some servers drop the
    beginning mark; when the end mark arrives, the text before it is already spoken."""

    def __init__(self) -> None:
        self._thinking = False
        #: The end of the last piece, if it may be the beginning of a mark.
        self._held = ""

    def filter_piece(self, piece: str) -> str:
        """Add a piece, and return the text that can be spoken now."""
        *parts, last = re.split(f"({_BEGIN}|{_END})", self._held + piece)
        begin = last.rfind("<")
        is_held = begin >= 0 and any(mark.startswith(last[begin:]) for mark in (_BEGIN, _END))
        last, self._held = (last[:begin], last[begin:]) if is_held else (last, "")
        spoken = ""
        for part in (*parts, last):
            if part in (_BEGIN, _END):
                self._thinking = part == _BEGIN
            elif not self._thinking:
                spoken += part
        return spoken

    def rest(self) -> str:
        """End the text, and return the rest to speak."""
        return "" if self._thinking else self._held
