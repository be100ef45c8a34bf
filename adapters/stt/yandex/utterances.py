"""The utterances that the voice detector finds, and the words that belong to each."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from callchart.adapters.stt.utterance import PRE_ROLL_S
from callchart.adapters.stt.yandex.segment import Word

#: After the end of an utterance, a word belongs to it for this time: the last sound of a word is
#: soft, and its time is an estimate.
TAIL_S: Final = 0.2


@dataclass(slots=True)
class Utterance:
    """An utterance whose words lie from `onset_s` to `until_s`, in seconds since the call began.

    `deadline` is in seconds of Trio's clock."""

    number: int
    onset_s: float
    end_s: float = math.inf
    until_s: float = math.inf
    deadline: float = math.inf
    #: The last partial that was delivered.
    shown: str = ""


class Utterances:
    """The utterances whose final is pending, in order; and the answered ones, for late words."""

    def __init__(self) -> None:
        self.pending: deque[Utterance] = deque()
        self._answered: deque[Utterance] = deque()

    def begin(self, number: int, offset_s: float) -> None:
        """Begin an utterance, earlier than `offset_s`: the voice detector finds an onset late."""
        onset_s = offset_s - PRE_ROLL_S
        # If the utterance before has no final yet, the sound between the two belongs to the later
        # one, because speech was found there.
        if self.pending:
            before = self.pending[-1]
            onset_s = max(onset_s, before.end_s)
            before.until_s = min(before.until_s, onset_s)
        elif self._answered:
            onset_s = max(onset_s, self._answered[-1].until_s)
        self.pending.append(Utterance(number, onset_s))

    def end(self, number: int, offset_s: float, deadline: float) -> Utterance | None:
        """End an utterance, and return it, or None if it never began."""
        for utterance in self.pending:
            if utterance.number == number:
                utterance.end_s, utterance.until_s = offset_s, offset_s + TAIL_S
                utterance.deadline = deadline
                return utterance
        return None

    def answer(self) -> None:
        """Move the oldest pending utterance to the answered ones."""
        self._answered.append(self.pending.popleft())

    def forget(self, before_s: float) -> None:
        """Drop answered utterances that end before `before_s`: no more words will arrive."""
        while self._answered and self._answered[0].until_s < before_s:
            self._answered.popleft()

    def owner(self, word: Word) -> Utterance | None:
        """Return the utterance that contains most of the word."""
        best, most_s = None, 0.0
        for utterance in (*self._answered, *self.pending):
            begin_s, end_s = (
                max(word.start_s, utterance.onset_s),
                min(word.end_s, utterance.until_s),
            )
            # Add 1 ms, so that a word without length belongs to an utterance too.
            if end_s - begin_s + 1e-3 > most_s:
                best, most_s = utterance, end_s - begin_s + 1e-3
        return best
