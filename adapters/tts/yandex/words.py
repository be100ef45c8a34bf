"""The times of a text's words, from the times of the words that SpeechKit spoke.

Those are of the normalized text: "25 kg" was spoken as "twenty five kilograms". So words are
recognised where they are the same but for case and signs; what stands between two of them in the
text took the time that was spoken between them, in shares of its characters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from callchart.engine.ports import WordTiming

#: How many words of a text may have been spoken in other words, before one is the same again.
LOOKAHEAD: Final = 5


class WordPlaces:
    """The places of the words of one text; `known` grows, and what is in it stays."""

    def __init__(self, text: str) -> None:
        self._words = text.split()
        #: What was spoken since the last word that was recognised, in other words than the text's.
        self._otherwise: list[WordTiming] = []
        self.known: tuple[WordTiming, ...] = ()

    def spoken(self, timings: Iterable[WordTiming]) -> None:
        """More words were spoken, with their places in the whole sound."""
        for timing in timings:
            ahead = self._words[len(self.known) : len(self.known) + LOOKAHEAD + 1]
            keys = [_key(word) for word in ahead]
            if (key := _key(timing.word)) in keys and key:
                self._share(ahead[: keys.index(key)], timing.start)
                self._add(ahead[keys.index(key)], timing.start, timing.end)
            else:
                self._otherwise.append(timing)

    def _share(self, words: list[str], until: float) -> None:
        """Give the words that were passed over the time that was spoken in other words."""
        start = self._otherwise[0].start if self._otherwise else until
        end = self._otherwise[-1].end if self._otherwise else until
        characters, so_far = sum(len(_key(word)) for word in words) or 1, 0
        for word in words:
            begin = start + (end - start) * so_far / characters
            so_far += len(_key(word))
            self._add(word, begin, start + (end - start) * so_far / characters)
        self._otherwise = []

    def _add(self, word: str, start: float, end: float) -> None:
        """Add the next word; one that begins before the last has ended begins when it ends."""
        start = max(start, self.known[-1].end if self.known else 0.0)
        self.known += (WordTiming(word, start, max(start, end)),)


def _key(word: str) -> str:
    """Return a word without case and signs, for comparison; empty for signs alone. Russian may be
    written with the letter io or without it."""
    return "".join(filter(str.isalnum, word.casefold())).replace("\u0451", "\u0435")
