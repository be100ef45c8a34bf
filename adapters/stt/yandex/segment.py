"""Recognised words and their offsets in the call's audio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from callchart.proto.messages.speechkit.stt.v3 import Alternative, AlternativeUpdate


@dataclass(frozen=True, slots=True)
class Word:
    """A word, from `start_s` to `end_s` in seconds since the call began."""

    text: str
    start_s: float
    end_s: float

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class Segment:
    """Words that were recognised together. `text` may be normalised and differ from them."""

    text: str
    words: tuple[Word, ...]

    @classmethod
    def of(cls, update: AlternativeUpdate, origin_s: float, start_s: float, end_s: float) -> Self:
        """Make a segment of the first alternative, which is the best one.

        `origin_s`: where the session's sound begins in the call. Words without times of their own
        get equal parts of the time from `start_s` to `end_s`."""
        if not update.alternatives:
            return cls("", ())
        best = update.alternatives[0]
        words = tuple(
            Word(
                word.text,
                origin_s + word.start_time_ms / 1000,
                origin_s + word.end_time_ms / 1000,
            )
            for word in best.words
        )
        tokens = best.text.split()
        if not words:
            words = _spread(tokens, *_bounds_s(best, origin_s, start_s, end_s))
        elif len(words) == len(tokens):
            # The times belong to the spoken words, even if the text is normalised.
            words = tuple(
                Word(token, word.start_s, word.end_s)
                for token, word in zip(tokens, words, strict=True)
            )
        return cls(" ".join(tokens), words)

    def part(self, chosen: Callable[[Word], bool]) -> Self:
        """Return a segment of the chosen words. If all are chosen, the text stays as it is."""
        words = tuple(word for word in self.words if chosen(word))
        if len(words) == len(self.words):
            return self
        return type(self)(" ".join(word.text for word in words), words)

    @property
    def end_s(self) -> float:
        return self.words[-1].end_s if self.words else 0.0


NOTHING = Segment("", ())


def _bounds_s(
    best: Alternative, origin_s: float, start_s: float, end_s: float
) -> tuple[float, float]:
    if best.end_time_ms:
        return origin_s + best.start_time_ms / 1000, origin_s + best.end_time_ms / 1000
    return start_s, end_s


def _spread(tokens: list[str], start_s: float, end_s: float) -> tuple[Word, ...]:
    word_s = (end_s - start_s) / max(1, len(tokens))
    return tuple(
        Word(token, start_s + number * word_s, start_s + (number + 1) * word_s)
        for number, token in enumerate(tokens)
    )
