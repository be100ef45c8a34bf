"""What Whisper's process is told, and what it answers: each message stands for itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Write down this sound, mono s16le, after what was asked for before.

    A final is worth a second look where the first one is implausible; a partial is not."""

    pcm: bytes
    rate_hz: int
    final: bool


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The oldest request's words; "" where there are none, or none to believe."""

    text: str
