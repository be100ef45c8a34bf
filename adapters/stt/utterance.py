"""The sound of a call's utterances, for recognisers that need whole utterances."""

from __future__ import annotations

import numpy as np

from callchart.engine.ports import FRAME_SECONDS, frame_bytes

# The voice detector finds an onset about 80 ms late, and a soft one about 180 ms late. The rest is
# the silence that recognisers expect before a word.
PRE_ROLL_S = 0.36

#: The longest sound of an utterance; later sound is dropped. The default call does not wait so
#: long: it answers after 30 s of speech (`longest_utterance`).
LONGEST_S = 60.0

# 54 dB below full scale. The noise of a line is quieter.
QUIET_AMPLITUDE = 64


class Utterance:
    """The sound of a call's current utterance, from just before its onset."""

    def __init__(self, rate_hz: int) -> None:
        self._pre_roll_bytes = _bytes(PRE_ROLL_S, rate_hz)
        self._longest_bytes = _bytes(LONGEST_S, rate_hz)
        self._sound = bytearray()
        #: The number of the current utterance; None between two utterances.
        self.number: int | None = None

    def add_frames(self, pcm: bytes) -> None:
        """Add whole frames. Between utterances, keep the last 360 ms."""
        if self.number is None:
            self._sound += pcm
            del self._sound[: -self._pre_roll_bytes]
        elif len(self._sound) < self._longest_bytes:
            self._sound += pcm

    def begin(self, number: int) -> None:
        """Begin an utterance. Its sound begins with the frames that were kept."""
        self.number = number

    def end(self) -> bytes:
        """End the utterance and return its whole sound, mono s16le."""
        sound = bytes(self._sound)
        self._sound.clear()
        self.number = None
        return sound

    @property
    def sound(self) -> bytes:
        """The sound so far, mono s16le."""
        return bytes(self._sound)

    def __len__(self) -> int:
        return len(self._sound)


def is_silent(pcm: bytes) -> bool:
    """Return whether the sound is too quiet to hear."""
    samples = np.frombuffer(pcm, "<i2")
    return not len(samples) or int(np.abs(samples.astype(np.int32)).max()) <= QUIET_AMPLITUDE


def _bytes(duration_s: float, rate_hz: int) -> int:
    return round(duration_s / FRAME_SECONDS) * frame_bytes(rate_hz)
