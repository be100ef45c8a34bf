"""The codecs of the phone's RTP packets: G.711 u-law and A-law, and linear 16-bit at 16 kHz.

Sound is mono s16le at the codec's rate; a payload is 20 ms of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

FRAME_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec, with its name and payload type in SDP."""

    name: str
    payload_type: int
    rate_hz: int
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]

    @property
    def rtpmap(self) -> str:
        return f"{self.name}/{self.rate_hz}"

    @property
    def frame_samples(self) -> int:
        return round(self.rate_hz * FRAME_SECONDS)

    def payloads(self, pcm: bytes) -> list[bytes]:
        """Cut the sound into payloads; silence fills the last one."""
        size = 2 * self.frame_samples
        encoded = self.encode(pcm + bytes(-len(pcm) % size))
        step = len(self.encode(bytes(size)))
        return [encoded[at : at + step] for at in range(0, len(encoded), step)]


def _ulaw_levels() -> NDArray[np.int16]:
    """Return the level of each of the 256 codes (ITU-T G.711, table 2)."""
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    levels: NDArray[np.int16] = np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
    return levels


def _alaw_levels() -> NDArray[np.int16]:
    """Return the level of each of the 256 codes (ITU-T G.711, table 1)."""
    code = np.arange(256) ^ 0x55
    segment = code >> 4 & 7
    magnitude = ((code & 15) << 4) + np.where(segment, 0x108, 8) << np.maximum(segment - 1, 0)
    levels: NDArray[np.int16] = np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)
    return levels


LEVELS = {"PCMU": _ulaw_levels(), "PCMA": _alaw_levels()}


@cache
def _codes(law: str) -> NDArray[np.uint8]:
    """Return the code with the nearest level, for each sample from -32768 to 32767."""
    levels = LEVELS[law].astype(int)
    order = np.argsort(levels)
    middles = (levels[order][1:] + levels[order][:-1]) / 2
    return order[np.searchsorted(middles, np.arange(-32768, 32768))].astype(np.uint8)


def _g711(law: str, payload_type: int) -> Codec:
    def encode(pcm: bytes) -> bytes:
        encoded: bytes = _codes(law)[np.frombuffer(pcm, "<i2").astype(int) + 32768].tobytes()
        return encoded

    def decode(payload: bytes) -> bytes:
        pcm: bytes = LEVELS[law][np.frombuffer(payload, np.uint8)].astype("<i2").tobytes()
        return pcm

    return Codec(law, payload_type, 8000, encode, decode)


def _swapped(samples: bytes) -> bytes:
    swapped: bytes = np.frombuffer(samples, "<i2").byteswap().tobytes()
    return swapped


PCMU = _g711("PCMU", 0)
PCMA = _g711("PCMA", 8)
#: Asterisk's slin16, with Asterisk's own payload type.
L16 = Codec("L16", 118, 16000, _swapped, _swapped)
