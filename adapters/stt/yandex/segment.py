"""Recognised words, and where on the call's tape they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from callchart.proto.messages.speechkit.stt.v3 import Alternative, AlternativeUpdate


@dataclass(frozen=True, slots=True)
class Word:
    """Places are seconds since the call began."""

    text: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


@dataclass(frozen=True, slots=True)
class Passage:
    """Words that were recognised together. `text` may be written otherwise than they are."""

    text: str
    words: tuple[Word, ...]

    @classmethod
    def of(cls, update: AlternativeUpdate, origin: float, start: float, end: float) -> Self:
        """From what a session said whose sound begins at `origin`: its best reading, which is the
        first. Where it has no places, its words share the time from `start` to `end`."""
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
            # Places come with the words as they sounded, also where the text is normalised.
            words = tuple(
                Word(token, word.start, word.end) for token, word in zip(tokens, words, strict=True)
            )
        return cls(" ".join(tokens), words)

    def part(self, chosen: Callable[[Word], bool]) -> Self:
        """The chosen words; the text as it is where that is all of them."""
        words = tuple(word for word in self.words if chosen(word))
        if len(words) == len(self.words):
            return self
        return type(self)(" ".join(word.text for word in words), words)

    @property
    def end(self) -> float:
        return self.words[-1].end if self.words else 0.0


NOTHING = Passage("", ())


def _bounds(best: Alternative, origin: float, start: float, end: float) -> tuple[float, float]:
    if best.end_time_ms:
        return origin + best.start_time_ms / 1000, origin + best.end_time_ms / 1000
    return start, end


def _spread(tokens: list[str], start: float, end: float) -> tuple[Word, ...]:
    share = (end - start) / max(1, len(tokens))
    return tuple(
        Word(token, start + number * share, start + (number + 1) * share)
        for number, token in enumerate(tokens)
    )
