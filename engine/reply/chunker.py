"""Cuts a text that is still being written into pieces that can be spoken.

At "|", which the prompt asks for: that cut is exact and needs no further token. A model that has
written no "|" yet is cut at the end of a sentence, seen once the next token is there. Failing both:
at the last word that fits a synthesis request, or, where the text dribbles, at the last whole word
after a while. Pure: characters in, chunks out; the while is the pipeline's to measure.
"""

from __future__ import annotations

import re

MARK = "|"

#: The end of a sentence, known to be one by what follows: not the point in "3.5" or "e.g. x".
_SENTENCE = re.compile(r"[.!?…]+[\"')»”]*(?=\s+[^\s\da-z\u0430-\u044f\u0451])|\n+")
_SPEAKABLE = re.compile(r"\w")


class Chunker:
    """Feed it text, take chunks. `longest` is the most characters of a chunk."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._text = ""
        #: How many cuts were the model's own.
        self.marked = 0

    def feed(self, text: str) -> list[str]:
        """The chunks that `text` completes, in order."""
        self._text += text
        chunks: list[str] = []
        while (cut := self._cut()) is not None:
            self._take(cut, chunks)
        return chunks

    def overdue(self) -> list[str]:
        """It took too long: what there is, up to the last whole word (the last may be half)."""
        end = self._text.rstrip().rfind(" ")
        chunks: list[str] = []
        if end > 0:
            self._take((end, end), chunks)
        return chunks

    def rest(self) -> list[str]:
        """The text has ended: what is left of it."""
        chunks: list[str] = []
        self._take((len(self._text), len(self._text)), chunks)
        return chunks

    @property
    def pending(self) -> bool:
        """Is there text that was not given out yet?"""
        return bool(_SPEAKABLE.search(self._text))

    def _cut(self) -> tuple[int, int] | None:
        """Where the next chunk ends and where the one after it begins; None: not yet."""
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
        # Dots and dashes alone are no words: nothing would be heard of them.
        if _SPEAKABLE.search(chunk):
            chunks.append(chunk)
