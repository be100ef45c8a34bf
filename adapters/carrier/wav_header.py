"""The beginning of a 16-bit WAV."""

from __future__ import annotations

import struct

#: The format code of samples as they are.
PCM = 1

#: A length that nobody knows yet: readers take what there is.
UNKNOWN = 0xFFFF_FFFF - 36


def wav_header(rate_hz: int, channels: int, size: int) -> bytes:
    """44 bytes, behind which `size` bytes of s16le follow."""
    frame = channels * 2
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size, b"WAVE",
        b"fmt ", 16, PCM, channels, rate_hz, rate_hz * frame, frame, 16,
        b"data", size,
    )  # fmt: skip
