"""The sound of one text in two voices: the first voice broke off, and the second speaks the rest.

This module finds the rest, and the times of all words in the joined sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from callchart.engine.ports import Speech, WordTiming
from callchart.engine.reply.word_timing import word_ends_s

#: Speech is hardly ever slower than this. It limits the estimate of spoken words when a voice sends
#: no word timings. Measured: espeak-ng reads English with many numbers at 9.6 to 11 characters a
#: second.
SLOWEST_CHARACTERS_PER_S: Final = 9.0


@dataclass(frozen=True, slots=True)
class Substitute(Speech):
    """Sound in the second voice. A cache does not keep it."""


class JoinedSound:
    """A sound that passes the first voice's pieces to `out`, and then the second voice's.

    The timing of a word is passed on only after the word's sound: a voice may send timings ahead,
    and break off before it speaks these words."""

    def __init__(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        self._text, self._rate_hz, self._out = text, rate_hz, out
        self._samples = 0
        #: All timings that the first voice has sent, also those ahead of its sound.
        self._timings: tuple[WordTiming, ...] = ()
        self._words: tuple[WordTiming, ...] = ()
        #: True if no word is missing between the first voice's words and the second's.
        self._words_join = True

    @property
    def duration_s(self) -> float:
        """The length of the sound passed on so far, in seconds."""
        return self._samples / self._rate_hz

    def add_first(self, speech: Speech) -> None:
        """Pass on a piece in the first voice."""
        self._samples += len(speech.pcm) // 2
        self._timings = speech.words
        self._words = tuple(word for word in speech.words if self._ended(word))
        self._out(replace(speech, words=self._words))

    def rest(self, *, times_words: bool) -> str:
        """Return the text for the second voice, from the first word that was not completed.

        `times_words` says that the first voice is known to send word timings. Return "" if no words
        remain."""
        if not self._samples:
            return self._text if self._text.strip() else ""
        given = self._words_given(times_words)
        self._words_join = given == len(self._words)
        return "".join(self._text.split(maxsplit=given)[given:])

    def add_second(self, speech: Speech) -> None:
        """Pass on a piece in the second voice. Its times count from the beginning of the rest."""
        words = self._words
        # If a word is missing, the listener would match these timings with the wrong words.
        if self._words_join:
            words += tuple(
                WordTiming(word.word, word.start_s + self.duration_s, word.end_s + self.duration_s)
                for word in speech.words
            )
        self._out(Substitute(speech.pcm, words))

    def _ended(self, word: WordTiming) -> bool:
        return round(word.end_s * self._rate_hz) <= self._samples

    def _words_given(self, times_words: bool) -> int:
        """Return how many words of `text.split()` were certainly completed.

        If the timings name the text's words, count the words that ended. Otherwise estimate by the
        share of characters, as if the speech were slow: repeat some words rather than lose one. An
        estimate never counts all words, because the voice did not finish the text."""
        words = self._text.split()
        if self._timings and [word.word for word in self._timings] == words[: len(self._timings)]:
            return len(self._words)
        if times_words and not self._timings:
            return 0
        slow_s = max(self.duration_s, len(self._text) / SLOWEST_CHARACTERS_PER_S)
        return sum(end <= self.duration_s for end in word_ends_s(self._text, (), slow_s)[:-1])
