"""The header of a 16-bit WAV."""

from __future__ import annotations

import struct

#: The format code of uncompressed samples.
_PCM = 1

#: The size for audio of unknown length: a reader then stops at the end of the file.
UNKNOWN_BYTES = 0xFFFF_FFFF - 36


def wav_header(rate_hz: int, channels: int, size_bytes: int) -> bytes:
    """Return the 44 bytes that precede `size_bytes` of s16le."""
    sample_bytes = channels * 2
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size_bytes, b"WAVE",
        b"fmt ", 16, _PCM, channels, rate_hz, rate_hz * sample_bytes, sample_bytes, 16,
        b"data", size_bytes,
    )  # fmt: skip
