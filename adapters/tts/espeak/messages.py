"""The messages to and from espeak-ng's process."""

from __future__ import annotations

from dataclasses import dataclass

from callchart.engine.ports import WordTiming


@dataclass(frozen=True, slots=True)
class Speak:
    """Synthesise this text, after those asked for before. Request numbers are never used twice."""

    request: int
    text: str
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """A request that was cancelled; its `Done` still follows."""

    request: int


@dataclass(frozen=True, slots=True)
class Sound:
    """The request's next sound, s16le at its rate, and the words whose ends are known since."""

    request: int
    pcm: bytes
    words: tuple[WordTiming, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """All of the request's sound was sent before this."""

    request: int
