"""The messages to pocketsphinx's process. It answers each with `Taken`, after any `Heard`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begin:
    """An utterance begins; its sound follows at this rate."""

    utterance: int
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Frames:
    """The next audio of the utterance: whole frames, mono s16le."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The utterance has ended; the process must send its final."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The oldest unanswered message is processed; its results were sent before this."""
