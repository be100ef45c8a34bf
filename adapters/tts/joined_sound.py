"""One text's sound in two voices, where the first broke off and the second said the rest: which
words are left for it, and where all words are in the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from callchart.engine.ports import Speech, WordTiming
from callchart.engine.reply.word_timing import word_ends_s

#: Characters a second. Speech is hardly ever slower: bounds a guess about words whose places nobody
#: told. Measured: espeak-ng reads English with many figures in it at 9.6 to 11.
SLOWEST: Final = 9.0


@dataclass(frozen=True, slots=True)
class Substitute(Speech):
    """Sound in the second voice: for now, and not to be kept as the text's own."""


class JoinedSound:
    """Hands on to `out` what the first gives, then what the second gives of the rest.

    A word's timing is handed on once its sound was: what is ahead may never be said."""

    def __init__(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        self._text, self._rate_hz, self._out = text, rate_hz, out
        self._samples = 0
        self._told: tuple[WordTiming, ...] = ()
        self._words: tuple[WordTiming, ...] = ()
        #: The second's words follow the first's without a gap between them.
        self._words_join = True

    @property
    def seconds(self) -> float:
        """Seconds of sound passed on so far."""
        return self._samples / self._rate_hz

    def of_first(self, speech: Speech) -> None:
        """A piece in the first voice."""
        self._samples += len(speech.pcm) // 2
        self._told = speech.words
        self._words = tuple(word for word in speech.words if self._ended(word))
        self._out(replace(speech, words=self._words))

    def rest(self, *, tells_words: bool) -> str:
        """Return the text for the second voice, from the first word that was not completed.

        `tells_words`: the first is known to tell where words are. Empty where nothing is left."""
        if not self._samples:
            return self._text if self._text.strip() else ""
        given = self._words_given(tells_words)
        self._words_join = given == len(self._words)
        return "".join(self._text.split(maxsplit=given)[given:])

    def of_second(self, speech: Speech) -> None:
        """A piece in the second voice; its words count from the beginning of the rest."""
        words = self._words
        # Behind a hole, they would be taken for the words before them.
        if self._words_join:
            words += tuple(
                WordTiming(word.word, word.start + self.seconds, word.end + self.seconds)
                for word in speech.words
            )
        self._out(Substitute(speech.pcm, words))

    def _ended(self, word: WordTiming) -> bool:
        return round(word.end * self._rate_hz) <= self._samples

    def _words_given(self, tells_words: bool) -> int:
        """Return how many words of `text.split()` were certainly completed.

        Those whose timings say so, where timings name the text's words. Otherwise by share of
        characters as in slow speech: rather some words twice than one lost, and never all of them,
        for what is whole has no rest."""
        words = self._text.split()
        if self._told and [word.word for word in self._told] == words[: len(self._told)]:
            return len(self._words)
        if tells_words and not self._told:
            return 0
        slow = max(self.seconds, len(self._text) / SLOWEST)
        return sum(end <= self.seconds for end in word_ends_s(self._text, (), slow)[:-1])
