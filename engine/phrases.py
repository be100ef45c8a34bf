"""Phrases that are synthesised before any call, so that fillers and scripts play immediately."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import trio

from callchart.engine.data import FillerClip, Scripts
from callchart.engine.ports import Speech, Synthesizer, WordTiming, frame_bytes


@dataclass(frozen=True, slots=True)
class Sound:
    """The whole sound of a text: s16le in whole frames, and the timings of its words."""

    text: str
    pcm: bytes
    words: tuple[WordTiming, ...]


class Phrases:
    """A cache of sounds at one rate. `prepare` fills it; `get` returns None for an unknown text."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._sounds: dict[str, Sound] = {}

    def __getitem__(self, text: str) -> Sound:
        return self._sounds[text]

    def get(self, text: str) -> Sound | None:
        return self._sounds.get(text)

    async def prepare(self, synthesizer: Synthesizer, texts: Iterable[str]) -> None:
        """Synthesise all texts in parallel. Raises `ProviderError`, within a group."""
        async with trio.open_nursery() as nursery:
            for text in dict.fromkeys(texts):
                nursery.start_soon(self._synthesize, synthesizer, text)

    async def _synthesize(self, synthesizer: Synthesizer, text: str) -> None:
        pieces: list[Speech] = []
        await synthesizer.synthesize(text, self.rate_hz, pieces.append)
        pcm = b"".join(piece.pcm for piece in pieces)
        pcm += bytes(-len(pcm) % frame_bytes(self.rate_hz))
        words = pieces[-1].words if pieces else ()  # the last piece has all of them
        self._sounds[text] = Sound(text, pcm, words)

    def fillers(self, scripts: Scripts) -> tuple[FillerClip, ...]:
        """Return each prepared filler with its length and the ends of its words."""
        clips = []
        for text in scripts.fillers:
            if (sound := self.get(text)) and sound.pcm:
                duration = len(sound.pcm) / (self.rate_hz * 2)
                ends = tuple(word.end_s for word in sound.words) or (duration,)
                clips.append(FillerClip(text, duration, ends))
        return tuple(clips)


def script_texts(scripts: Scripts) -> tuple[str, ...]:
    """Return every text that is spoken without a model."""
    return (
        scripts.greeting,
        scripts.reprompt,
        scripts.apology,
        scripts.regret,
        scripts.farewell,
        scripts.waiting,
        *scripts.fillers,
    )
