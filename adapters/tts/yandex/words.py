"""The timings of a text's words, from the timings of the words that SpeechKit spoke.

SpeechKit times the normalized text: it speaks "25 kg" as "twenty five kilograms". A word is matched
if it is the same in both, apart from case and punctuation. The words between two matched words
share the time between them, in proportion to their characters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from callchart.engine.ports import WordTiming

#: The most words of a text that may be spoken in other words before the next match.
LOOKAHEAD_WORDS: Final = 5


class WordPlaces:
    """The timings of the words of one text. `known` only grows; its timings never change."""

    def __init__(self, text: str) -> None:
        self._words = text.split()
        #: The spoken words since the last match, which are not the text's words.
        self._unmatched: list[WordTiming] = []
        self.known: tuple[WordTiming, ...] = ()

    def add_spoken(self, timings: Iterable[WordTiming]) -> None:
        """Add spoken words, with their times in the whole sound."""
        for timing in timings:
            ahead = self._words[len(self.known) : len(self.known) + LOOKAHEAD_WORDS + 1]
            keys = [_key(word) for word in ahead]
            if (key := _key(timing.word)) in keys and key:
                self._share(ahead[: keys.index(key)], timing.start_s)
                self._add(ahead[keys.index(key)], timing.start_s, timing.end_s)
            else:
                self._unmatched.append(timing)

    def _share(self, words: list[str], until_s: float) -> None:
        """Share the time of the unmatched spoken words among these words of the text."""
        start_s = self._unmatched[0].start_s if self._unmatched else until_s
        end_s = self._unmatched[-1].end_s if self._unmatched else until_s
        characters, so_far = sum(len(_key(word)) for word in words) or 1, 0
        for word in words:
            begin_s = start_s + (end_s - start_s) * so_far / characters
            so_far += len(_key(word))
            self._add(word, begin_s, start_s + (end_s - start_s) * so_far / characters)
        self._unmatched = []

    def _add(self, word: str, start_s: float, end_s: float) -> None:
        """Add the next word. It begins no earlier than the word before it ends."""
        start_s = max(start_s, self.known[-1].end_s if self.known else 0.0)
        self.known += (WordTiming(word, start_s, max(start_s, end_s)),)


def _key(word: str) -> str:
    """Return the letters and digits of a word in lower case, for comparison.

    The Russian letter io becomes ie, because many texts write ie for both."""
    return "".join(filter(str.isalnum, word.casefold())).replace("\u0451", "\u0435")
