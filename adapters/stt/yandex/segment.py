"""Recognised words and their offsets in the call's audio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from callchart.proto.messages.speechkit.stt.v3 import Alternative, AlternativeUpdate


@dataclass(frozen=True, slots=True)
class Word:
    """A word; `start` and `end` are seconds since the call began."""

    text: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


@dataclass(frozen=True, slots=True)
class Segment:
    """Words that were recognised together. `text` may be normalised and differ from them."""

    text: str
    words: tuple[Word, ...]

    @classmethod
    def of(cls, update: AlternativeUpdate, origin: float, start: float, end: float) -> Self:
        """Make a segment of the first alternative, which is the best one.

        `origin`: seconds at which the session's sound begins. Words without times of their own get
        equal parts of the time from `start` to `end`."""
        if not update.alternatives:
            return cls("", ())
        best = update.alternatives[0]
        words = tuple(
            Word(word.text, origin + word.start_time_ms / 1000, origin + word.end_time_ms / 1000)
            for word in best.words
        )
        tokens = best.text.split()
        if not words:
            words = _spread(tokens, *_bounds(best, origin, start, end))
        elif len(words) == len(tokens):
            # Times belong to the words as spoken, also if the text is normalised.
            words = tuple(
                Word(token, word.start, word.end) for token, word in zip(tokens, words, strict=True)
            )
        return cls(" ".join(tokens), words)

    def part(self, chosen: Callable[[Word], bool]) -> Self:
        """Return the chosen words; if all are chosen, the segment with its text unchanged."""
        words = tuple(word for word in self.words if chosen(word))
        if len(words) == len(self.words):
            return self
        return type(self)(" ".join(word.text for word in words), words)

    @property
    def end(self) -> float:
        return self.words[-1].end if self.words else 0.0


NOTHING = Segment("", ())


def _bounds(best: Alternative, origin: float, start: float, end: float) -> tuple[float, float]:
    if best.end_time_ms:
        return origin + best.start_time_ms / 1000, origin + best.end_time_ms / 1000
    return start, end


def _spread(tokens: list[str], start: float, end: float) -> tuple[Word, ...]:
    word_s = (end - start) / max(1, len(tokens))
    return tuple(
        Word(token, start + number * word_s, start + (number + 1) * word_s)
        for number, token in enumerate(tokens)
    )
