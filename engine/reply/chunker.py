"""Cuts a text that arrives in pieces into chunks that can be spoken. Pure: no clock.

It cuts at "|", which the prompt asks for: that cut is exact and needs no further token. Until the
model has written a "|", it also cuts at the end of a sentence, when the next token shows that the
sentence has ended. Without either, it cuts after the last word that fits `longest` characters, or
on demand (`take_overdue`) after the last whole word.
"""

from __future__ import annotations

import re

MARK = "|"

#: The end of a sentence. The lookahead tells it from the point in "3.5" or "e.g. x".
_SENTENCE = re.compile(r"[.!?…]+[\"')»”]*(?=\s+[^\s\da-z\u0430-\u044f\u0451])|\n+")
_SPEAKABLE = re.compile(r"\w")


class Chunker:
    """Takes text and returns chunks of at most `longest` characters.

    `marked` counts the cuts at the model's own "|"."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._text = ""
        self.marked = 0

    def feed_text(self, text: str) -> list[str]:
        """Return the chunks that `text` completes, in order."""
        self._text += text
        chunks: list[str] = []
        while (cut := self._next_cut()) is not None:
            self._take(cut, chunks)
        return chunks

    def take_overdue(self) -> list[str]:
        """Return the pending text up to its last space: the word after it may be incomplete."""
        end = self._text.rstrip().rfind(" ")
        chunks: list[str] = []
        if end > 0:
            self._take((end, end), chunks)
        return chunks

    def take_rest(self) -> list[str]:
        """Return all of the pending text: no text follows it."""
        chunks: list[str] = []
        self._take((len(self._text), len(self._text)), chunks)
        return chunks

    @property
    def pending(self) -> bool:
        """True when text that can be spoken was not returned yet."""
        return bool(_SPEAKABLE.search(self._text))

    def _next_cut(self) -> tuple[int, int] | None:
        """Return the end of the next chunk and the beginning of the one after it, or None."""
        mark = self._text.find(MARK)
        sentence = None if self.marked else _SENTENCE.search(self._text)
        if mark >= 0 and (sentence is None or mark < sentence.end()) and mark <= self._longest:
            self.marked += 1
            return mark, mark + 1
        if sentence is not None and sentence.end() <= self._longest:
            return sentence.end(), sentence.end()
        if len(self._text) > self._longest:
            # A space at the limit itself ends a word that fits.
            end = self._text.rfind(" ", 1, self._longest + 1)
            return (end, end) if end > 0 else (self._longest, self._longest)
        return None

    def _take(self, cut: tuple[int, int], chunks: list[str]) -> None:
        end, beginning = cut
        chunk, self._text = self._text[:end].strip(), self._text[beginning:].lstrip()
        # A synthesizer gives no sound for dots and dashes alone: drop them.
        if _SPEAKABLE.search(chunk):
            chunks.append(chunk)
