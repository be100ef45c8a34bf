"""Sound that says what it is: every block of a fake sound's samples holds its number and its place.

Whoever hears such sound, at whichever sample they begin, can tell which sound it is and how much of
it was heard; none of its samples is needed beyond that. A block is five samples: a mark that occurs
nowhere else, then the block's place and the sound's number in two samples of 15 bits each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Samples. Divides a frame at 8 and at 16 kHz.
BLOCK = 5

_MARK = -0x8000
_RADIX = 0x7FFF


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one fake sound, `offset` samples into what was read; sizes in samples."""

    sound: int
    first: int
    samples: int
    offset: int = 0

    @property
    def end(self) -> int:
        return self.first + self.samples


def whole_blocks(seconds: float, rate_hz: int) -> int:
    """How many samples a fake sound of about that length has: at least one block."""
    return max(1, round(seconds * rate_hz / BLOCK)) * BLOCK


def fake_sound(number: int, first: int, samples: int) -> bytes:
    """Samples [first, first + samples) of the sound of that number (from 1), as s16le."""
    begin, end = first // BLOCK, -(-(first + samples) // BLOCK)
    places = np.arange(begin, end)
    high, low = divmod(number - 1, _RADIX)
    blocks = np.empty((end - begin, BLOCK), "<i2")
    blocks[:, 0] = _MARK
    blocks[:, 1], blocks[:, 2] = places // _RADIX, places % _RADIX
    # The last sample of a block is never zero: what follows a sound is told from it.
    blocks[:, 3], blocks[:, 4] = high, low + 1
    skipped = first - begin * BLOCK
    return blocks.tobytes()[skipped * 2 : (skipped + samples) * 2]


def pieces(pcm: bytes) -> Iterator[Piece]:
    """The fake sounds in s16le audio, in order; silence and other sound is passed over."""
    samples = np.frombuffer(pcm, "<i2")
    marks = np.flatnonzero(samples == _MARK)
    whole = marks[marks + BLOCK <= len(samples)]
    if not len(whole):
        return
    columns = [samples[whole + n].astype(np.int64) for n in range(1, BLOCK)]
    places = (columns[0] * _RADIX + columns[1]) * BLOCK
    numbers = columns[2] * _RADIX + columns[3]
    # In one stretch, the distance between the place in the sound and in the audio stays the same.
    breaks = np.flatnonzero((np.diff(numbers) != 0) | (np.diff(whole - places) != 0)) + 1
    bounds = [0, *breaks.tolist(), len(whole)]
    for begin, end in zip(bounds, bounds[1:], strict=False):
        yield _stretch(samples, marks, whole[begin:end], int(places[begin]), int(numbers[begin]))


def _stretch(
    samples: NDArray[np.int16],
    marks: NDArray[np.intp],
    blocks: NDArray[np.intp],
    place: int,
    number: int,
) -> Piece:
    """The blocks given, with the parts of a block that were cut off at either end."""
    first, last = int(blocks[0]), int(blocks[-1])
    before = 0
    while before < min(first, BLOCK - 1, place) and samples[first - before - 1] not in (0, _MARK):
        before += 1
    if first == before < BLOCK:
        # The audio begins in mid-block: zeros before the first mark are part of it as well.
        pass
    elif first < BLOCK and place >= first and not (marks < first).any():
        before = first if samples[:first].any() else before
    end = last + BLOCK
    if end < len(samples) and len(samples) - end < BLOCK and samples[end] == _MARK:
        end = len(samples)
    return Piece(number, place - before, end - first + before, first - before)
