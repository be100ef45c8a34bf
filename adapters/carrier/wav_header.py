"""The header of a 16-bit WAV."""

from __future__ import annotations

import struct

#: The format code of uncompressed samples.
PCM = 1

#: A size for audio of unknown length: readers stop at the end of the file.
UNKNOWN = 0xFFFF_FFFF - 36


def wav_header(rate_hz: int, channels: int, size: int) -> bytes:
    """Return the 44 bytes before `size` bytes of s16le."""
    frame = channels * 2
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size, b"WAVE",
        b"fmt ", 16, PCM, channels, rate_hz, rate_hz * frame, frame, 16,
        b"data", size,
    )  # fmt: skip
