"""Fake sound that identifies itself: each block has the number of the sound and its own place.

A listener can begin at any sample, and still learn which sound it is and how much of it was heard.
A block is five samples: a mark that occurs nowhere else, then the place of the block and the number
of the sound, in two samples of 15 bits each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

#: The samples of a block. A frame has whole blocks, at 8 and at 16 kHz.
BLOCK = 5

#: The number of samples that are made together: whole blocks.
_STRETCH = 800 * BLOCK

_MARK = -0x8000
_RADIX = 0x7FFF


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of one fake sound, `offset` samples into the audio. All sizes are in samples."""

    sound: int
    first: int
    samples: int
    offset: int = 0

    @property
    def end(self) -> int:
        return self.first + self.samples


def whole_blocks(seconds: float, rate_hz: int) -> int:
    """Return the samples of a fake sound of about this length: whole blocks, at least one."""
    return max(1, round(seconds * rate_hz / BLOCK)) * BLOCK


def fake_sound(number: int, first: int, samples: int) -> bytes:
    """Return samples [first, first + samples) of the sound `number` (1 or more), as s16le."""
    begin = first // _STRETCH
    end = -(-(first + samples) // _STRETCH)
    stretches = b"".join(_stretch(number, place) for place in range(begin, end))
    skipped = first - begin * _STRETCH
    return stretches[skipped * 2 : (skipped + samples) * 2]


@lru_cache(maxsize=1024)
def _stretch(number: int, place: int) -> bytes:
    """Return the samples at `place`, cached: callers take them frame by frame, several times."""
    blocks = np.empty((_STRETCH // BLOCK, BLOCK), "<i2")
    places = np.arange(place * len(blocks), (place + 1) * len(blocks))
    high, low = divmod(number - 1, _RADIX)
    blocks[:, 0] = _MARK
    blocks[:, 1], blocks[:, 2] = places // _RADIX, places % _RADIX
    # The last sample of a block is never zero, so it differs from the silence after a sound.
    blocks[:, 3], blocks[:, 4] = high, low + 1
    return blocks.tobytes()


def pieces(pcm: bytes) -> Iterator[Piece]:
    """Yield the fake sounds in s16le audio, in order; skip silence and other sound.

    A block that is cut by the beginning or the end of the audio counts in part."""
    if (whole := _one_piece(pcm)) is not None:
        yield whole
        return
    samples = np.frombuffer(pcm, "<i2")
    marks = np.flatnonzero(samples == _MARK)
    blocks = marks[np.diff(marks, append=len(samples)) >= BLOCK]
    if not len(blocks):
        return
    place_high, place_low, high, low = (samples[blocks + n].astype(int) for n in range(1, BLOCK))
    places = (place_high * _RADIX + place_low) * BLOCK
    numbers = high * _RADIX + low
    # Within one piece, place and offset grow together.
    breaks = np.flatnonzero((np.diff(numbers) != 0) | (np.diff(blocks - places) != 0)) + 1
    for begin, end in pairwise([0, *breaks.tolist(), len(blocks)]):
        offset, place = int(blocks[begin]), int(places[begin])
        cut = offset if offset < BLOCK and place >= offset else 0
        after = int(blocks[end - 1]) + BLOCK
        if len(marks) > len(blocks) and marks[-1] == after:
            after = len(samples)
        yield Piece(int(numbers[begin]), place - cut, after - offset + cut, offset - cut)


def _one_piece(pcm: bytes) -> Piece | None:
    """Return the piece if the audio is a single piece: the most frequent case, cheap to check."""
    head = np.frombuffer(pcm[: 2 * (2 * BLOCK - 1)], "<i2").tolist()
    if _MARK not in head:
        return None
    offset = head.index(_MARK)
    if offset >= BLOCK or len(head) < offset + BLOCK:
        return None
    place_high, place_low, high, low = head[offset + 1 : offset + BLOCK]
    first, number = (place_high * _RADIX + place_low) * BLOCK - offset, high * _RADIX + low
    if first < 0 or fake_sound(number, first, len(pcm) // 2) != pcm:
        return None
    return Piece(number, first, len(pcm) // 2)
