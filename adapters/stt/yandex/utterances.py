"""The utterances of a call, as the voice detector has them, and whose word a word is."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from callchart.adapters.stt.utterance import PRE_ROLL_SECONDS
from callchart.adapters.stt.yandex.segment import Word

#: Seconds after an utterance's end in which a word still is its own: the last sound of a word is
#: soft, and its place an estimate.
TAIL: Final = 0.2


@dataclass(slots=True)
class Utterance:
    """Places are seconds on the call's tape: its words lie from `onset` to `until`. `deadline` is a
    moment of the clock."""

    number: int
    onset: float
    end: float = math.inf
    until: float = math.inf
    deadline: float = math.inf
    #: The partial that was given last.
    shown: str = ""


class Utterances:
    """Those whose final is owed, in order; and the answered ones, for words that come late."""

    def __init__(self) -> None:
        self.owed: deque[Utterance] = deque()
        self._answered: deque[Utterance] = deque()

    def begin(self, number: int, place: float) -> None:
        """Its onset was found there, a little late."""
        onset = place - PRE_ROLL_SECONDS
        # What lies between two utterances is the later one's, where the earlier has no final yet:
        # something was heard there for certain.
        if self.owed:
            before = self.owed[-1]
            onset = max(onset, before.end)
            before.until = min(before.until, onset)
        elif self._answered:
            onset = max(onset, self._answered[-1].until)
        self.owed.append(Utterance(number, onset))

    def end(self, number: int, place: float, deadline: float) -> Utterance | None:
        """It ended there; its final is owed by then. None where no such utterance has begun."""
        for utterance in self.owed:
            if utterance.number == number:
                utterance.end, utterance.until = place, place + TAIL
                utterance.deadline = deadline
                return utterance
        return None

    def answer(self) -> None:
        """The oldest has its final."""
        self._answered.append(self.owed.popleft())

    def forget(self, before: float) -> None:
        """No more words will come from there."""
        while self._answered and self._answered[0].until < before:
            self._answered.popleft()

    def owner(self, word: Word) -> Utterance | None:
        """The utterance that has most of the word."""
        best, most = None, 0.0
        for utterance in (*self._answered, *self.owed):
            begin, end = max(word.start, utterance.onset), min(word.end, utterance.until)
            # A word without a length is in it too.
            if end - begin + 1e-3 > most:
                best, most = utterance, end - begin + 1e-3
        return best
