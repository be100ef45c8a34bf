"""The sound of a call's utterances, for recognisers that hear each of them as a whole."""

from __future__ import annotations

import numpy as np

from callchart.engine.ports import FRAME_SECONDS, frame_bytes

# The voice detector decides some 80 ms after an onset and finds a soft one 100 ms late; the rest
# is the quiet before a word, which recognisers expect.
PRE_ROLL_SECONDS = 0.36

#: A caller who never stops is answered after half of that; what comes later is not heard.
LONGEST_SECONDS = 60.0

# 54 dB below full scale: what is no louder is a line's own noise.
QUIET = 64


class Utterance:
    """Gathers an utterance, with what was there just before its onset was found."""

    def __init__(self, rate_hz: int) -> None:
        self._pre_roll = _bytes(PRE_ROLL_SECONDS, rate_hz)
        self._longest = _bytes(LONGEST_SECONDS, rate_hz)
        self._sound = bytearray()
        #: Which utterance goes on; None between two of them.
        self.number: int | None = None

    def add_frames(self, pcm: bytes) -> None:
        """Whole frames. Between utterances the last 360 ms are kept."""
        if self.number is None:
            self._sound += pcm
            del self._sound[: -self._pre_roll]
        elif len(self._sound) < self._longest:
            self._sound += pcm

    def begin(self, number: int) -> None:
        """Its onset was found; what was kept belongs to it."""
        self.number = number

    def end(self) -> bytes:
        """Its whole sound, mono s16le."""
        sound = bytes(self._sound)
        self._sound.clear()
        self.number = None
        return sound

    @property
    def sound(self) -> bytes:
        """What there is of it."""
        return bytes(self._sound)

    def __len__(self) -> int:
        return len(self._sound)


def is_silent(pcm: bytes) -> bool:
    """Whether nobody could hear anything in it."""
    samples = np.frombuffer(pcm, "<i2")
    return not len(samples) or int(np.abs(samples.astype(np.int32)).max()) <= QUIET


def _bytes(seconds: float, rate_hz: int) -> int:
    return round(seconds / FRAME_SECONDS) * frame_bytes(rate_hz)
