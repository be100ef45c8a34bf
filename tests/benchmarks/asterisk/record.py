"""The record of one call from its packets: loud moments, late and lost packets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.asterisk.call import Call

#: Packets of a sound are 20 ms apart. A packet that comes after a longer gap than this is late.
LATE_SECONDS = 0.04


@dataclass
class Asked:
    """A question, as the caller noted it (Trio's clock)."""

    at: float
    interrupts: bool
    said: float = 0.0
    answered: float | None = None


@dataclass(frozen=True)
class Turn:
    """A question and its answer: moments of packets (CLOCK_MONOTONIC)."""

    #: When the caller asked.
    since: float
    #: The caller's first and last loud packet.
    began: float
    ended: float
    #: The bot's first loud packet after the question, or None.
    answered: float | None
    #: The last loud packet of the answer that this question interrupted, or None.
    silenced: float | None


@dataclass(frozen=True)
class Record:
    number: str
    lost: bool
    turns: tuple[Turn, ...]
    #: The bot's packets: missing by their numbers, late in speech, the longest gap in speech (s).
    missing: int
    late: int
    longest_gap: float
    #: Packets of the caller that left late.
    own_late: int


def record(number: str, lost: bool, asked: Sequence[Asked], call: Call, shift: float) -> Record:
    """Return the record of one call; `shift` is Trio's clock minus CLOCK_MONOTONIC."""
    mouth, ear = call.mouth.loud(), call.ear.loud()
    gaps = gaps_in_replies(ear, [each.answered for each in asked if each.answered is not None])
    own = [after.at - before.at for before, after in pairwise(call.mouth.packets)]
    turns = tuple(_turn(each, mouth, ear, shift) for each in asked)
    return Record(
        number,
        lost,
        turns,
        call.traffic.lost,
        sum(gap > LATE_SECONDS for gap in gaps),
        max(gaps, default=0.0),
        sum(gap > LATE_SECONDS for gap in own),
    )


def gaps_in_replies(loud: Sequence[float], answers: Sequence[float]) -> list[float]:
    """Return the seconds between the bot's loud packets, except before a new answer."""
    begins = set(answers)
    return [after - before for before, after in pairwise(loud) if after not in begins]


def between(moments: Sequence[float], since: float, until: float) -> Sequence[float]:
    """Return the sorted moments at or after `since` and before `until`."""
    return moments[bisect_left(moments, since) : bisect_left(moments, until)]


def _turn(asked: Asked, mouth: Sequence[float], ear: Sequence[float], shift: float) -> Turn:
    spoken = between(mouth, asked.at, asked.said + 0.001)
    began, ended = spoken[0], spoken[-1]
    heard = between(ear, began, asked.said) if asked.interrupts else ()
    return Turn(
        asked.at - shift,
        began - shift,
        ended - shift,
        None if asked.answered is None else asked.answered - shift,
        heard[-1] - shift if heard else None,
    )


def as_record(read: dict[str, Any]) -> Record:
    """Return the record that `read` (from JSON) describes."""
    turns = tuple(Turn(**turn) for turn in read["turns"])
    return Record(**{**read, "turns": turns})
