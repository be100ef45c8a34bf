"""Phrases synthesised ahead of time: fillers and scripts, heard without waiting for anybody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import trio

from callchart.engine.data import FillerClip, Scripts
from callchart.engine.ports import Speech, Synthesizer, WordTiming, frame_bytes


@dataclass(frozen=True, slots=True)
class Sound:
    """A text's whole sound: s16le in whole frames, and where its words are."""

    text: str
    pcm: bytes
    words: tuple[WordTiming, ...]


class Phrases:
    """A cache of sounds at one rate. `prepare` fills it; a text that is not in it is None."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._sounds: dict[str, Sound] = {}

    def __getitem__(self, text: str) -> Sound:
        return self._sounds[text]

    def get(self, text: str) -> Sound | None:
        return self._sounds.get(text)

    async def prepare(self, synthesizer: Synthesizer, texts: Iterable[str]) -> None:
        """Synthesise all texts, side by side. Raises `ProviderError` (within a group)."""
        async with trio.open_nursery() as nursery:
            for text in dict.fromkeys(texts):
                nursery.start_soon(self._synthesize, synthesizer, text)

    async def _synthesize(self, synthesizer: Synthesizer, text: str) -> None:
        pieces: list[Speech] = []
        await synthesizer.synthesize(text, self.rate_hz, pieces.append)
        pcm = b"".join(piece.pcm for piece in pieces)
        pcm += bytes(-len(pcm) % frame_bytes(self.rate_hz))
        words = pieces[-1].words if pieces else ()  # all that are known so far
        self._sounds[text] = Sound(text, pcm, words)

    def fillers(self, scripts: Scripts) -> tuple[FillerClip, ...]:
        """What the chart knows of the fillers: how long they last, and where their words end."""
        clips = []
        for text in scripts.fillers:
            if (sound := self.get(text)) and sound.pcm:
                duration = len(sound.pcm) / (self.rate_hz * 2)
                ends = tuple(word.end for word in sound.words) or (duration,)
                clips.append(FillerClip(text, duration, ends))
        return tuple(clips)


def script_texts(scripts: Scripts) -> tuple[str, ...]:
    """Everything that is said without a model."""
    return (
        scripts.greeting,
        scripts.reprompt,
        scripts.apology,
        scripts.regret,
        scripts.farewell,
        scripts.waiting,
        *scripts.fillers,
    )
