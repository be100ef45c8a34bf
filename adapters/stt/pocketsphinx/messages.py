"""The messages to pocketsphinx's process, which answers with `Heard`, and each with `Taken`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begin:
    """An utterance begins; its sound follows at this rate."""

    utterance: int
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Sound:
    """The next sound of the utterance: mono s16le, whole frames of 20 ms."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The utterance has ended; its final is expected."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The oldest unanswered message is processed; its results were sent before this."""
