"""Keeps a reasoning model's thoughts from being spoken, where its server lets them through.

Servers that know the model's format send thoughts in a field of their own. Others leave them in
the text, as `<think>...</think>`, in tokens that end wherever they like."""

from __future__ import annotations

import re
from typing import Final

_BEGIN: Final = "<think>"
_END: Final = "</think>"


class Thoughts:
    """Takes the thoughts out of one text, piece by piece.

    An end without a beginning is only left out: some servers swallow the beginning, and by then all
    before it was spoken."""

    def __init__(self) -> None:
        self._thinking = False
        #: What may be the beginning of a mark.
        self._held = ""

    def taken_out_of(self, piece: str) -> str:
        """As much as can be spoken by now."""
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
        """Return the rest of the text to speak, once the text has ended."""
        return "" if self._thinking else self._held
