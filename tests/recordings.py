"""Recorded speech from tests/samples, in the format that adapters receive."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callchart.engine.ports import frame_bytes

SAMPLES = Path(__file__).parent / "samples"
MANIFEST: dict[str, dict[str, Any]] = json.loads((SAMPLES / "manifest.json").read_text("utf-8"))
RATE_HZ = 16000


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, mono s16le at 16 kHz, with speech from `start` to `end` (s) and quiet around
    it."""

    name: str
    pcm: bytes
    text: str
    start: float
    end: float

    @property
    def speech(self) -> bytes:
        """The part with speech, in whole frames."""
        first, last = int(self.start * 50), int(self.end * 50) + 1
        return self.pcm[first * frame_bytes(RATE_HZ) : last * frame_bytes(RATE_HZ)]


def recording(name: str) -> Recording:
    """Return the recording of that name in the manifest, cut to whole frames."""
    facts = MANIFEST[name]
    with wave.open(str(SAMPLES / f"{name}.wav")) as file:
        pcm = file.readframes(file.getnframes())
    whole = len(pcm) - len(pcm) % frame_bytes(RATE_HZ)
    return Recording(
        name, pcm[:whole], facts["text"], facts["speech_start_s"], facts["speech_end_s"]
    )


def silence(seconds: float, rate_hz: int = RATE_HZ) -> bytes:
    """Return frames of silence."""
    return bytes(round(seconds * 50) * frame_bytes(rate_hz))


def frames(pcm: bytes, rate_hz: int = RATE_HZ) -> Iterator[bytes]:
    """Yield the 20 ms frames of the sound."""
    size = frame_bytes(rate_hz)
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]
