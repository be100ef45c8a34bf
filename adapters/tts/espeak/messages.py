"""The messages to and from espeak-ng's process."""

from __future__ import annotations

from dataclasses import dataclass

from callchart.engine.ports import WordTiming


@dataclass(frozen=True, slots=True)
class Speak:
    """A request to synthesise this text, after the earlier requests. Each number is used once."""

    request: int
    text: str
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """The cancellation of a request. Its `Done` still follows."""

    request: int


@dataclass(frozen=True, slots=True)
class SoundPiece:
    """The next piece of a request's sound, and the words that ended since the piece before.

    `pcm` is mono s16le at the rate of the request."""

    request: int
    pcm: bytes
    words: tuple[WordTiming, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a request, after all of its sound."""

    request: int
