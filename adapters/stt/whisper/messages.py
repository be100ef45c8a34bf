"""The messages to and from Whisper's process; each is independent of the others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transcribe:
    """A request to transcribe this sound, mono s16le, after the earlier requests.

    If the text repeats itself, the worker transcribes the sound of a final again, and returns no
    words for a partial."""

    pcm: bytes
    rate_hz: int
    final: bool


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The words of the oldest request; "" if there are none, or only implausible ones."""

    text: str
