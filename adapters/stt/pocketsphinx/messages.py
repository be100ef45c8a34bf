"""The messages to and from pocketsphinx's process.

The process answers each message with any number of `Heard`, and then one `Taken`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begin:
    """The beginning of an utterance, whose sound follows at this rate."""

    utterance: int
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Frames:
    """The next audio of the utterance: whole frames, mono s16le."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The end of the utterance: the process must send its final."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to the oldest unanswered message, after all its results."""
