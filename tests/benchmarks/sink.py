"""The earpiece of the benchmark: it copies and times each frame, and assigns it to its reply.

Every sample of a reply is the reply's number, so a frame identifies its reply. The frames of the
bare loop go into the same sink."""

from __future__ import annotations

from array import array

import trio

from callchart.engine.ports import frame_bytes

RATE_HZ = 16000
FRAME = frame_bytes(RATE_HZ)
SILENCE = bytes(FRAME)


def sound(number: int, seconds: float) -> bytes:
    """Return `seconds` of s16le whose every sample is `number`; 0 is silence."""
    return number.to_bytes(2, "little") * round(seconds * RATE_HZ)


def number_in(pcm: bytes | bytearray) -> int:
    """Return the number that a sound carries, from its first sample."""
    return pcm[0] | pcm[1] << 8


class Sink:
    """One call's earpiece. Times in seconds of Trio's clock."""

    def __init__(self) -> None:
        self._earpiece = bytearray(FRAME)
        #: The delay of each frame after its deadline (s).
        self.lateness = array("d")
        #: The number of frames of each reply, and when the first and the last of them were heard.
        self.frames: dict[int, int] = {}
        self.first: dict[int, float] = {}
        self.last: dict[int, float] = {}

    def take(self, pcm: bytes, deadline: float) -> None:
        self._earpiece[:] = pcm
        now = trio.current_time()
        self.lateness.append(now - deadline)
        if pcm is not SILENCE:
            number = number_in(pcm)
            if number not in self.first:
                self.first[number] = now
                self.frames[number] = 0
            self.frames[number] += 1
            self.last[number] = now
