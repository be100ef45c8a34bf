"""What pocketsphinx's process is told; it answers with `Heard`, and with a `Taken` for each."""

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
    """The utterance is over; its final is due."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The oldest message not yet answered is done with; what came of it was sent before this."""
