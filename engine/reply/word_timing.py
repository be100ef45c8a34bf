"""Where the words of a text are in its sound."""

from __future__ import annotations

from collections.abc import Sequence

from callchart.engine.ports import WordTiming

#: Speech is hardly ever faster: bounds a guess about sound that is not there yet. Measured: fast
#: read English has 18 characters a second.
FASTEST = 18.0


def ends_of_words(text: str, timings: Sequence[WordTiming], duration: float) -> list[float]:
    """When each word of `text.split()` ends, in seconds from the beginning of its sound.

    From the synthesizer's own timings where there is one for each word; otherwise by share of
    characters of `duration` (what there is of the sound so far). Where the timings so far name the
    first words, the others have not ended within `duration`."""
    words = text.split()
    known = [timing.end for timing in timings]
    if len(known) == len(words):
        return known
    characters = sum(len(word) for word in words) or 1
    whole = max(duration, len(text) / FASTEST)
    ends, so_far = [], 0
    for word in words:
        so_far += len(word)
        ends.append(whole * so_far / characters)
    if known and [timing.word for timing in timings] == words[: len(timings)]:
        ends = [*known, *(max(end, duration) for end in ends[len(known) :])]
    return ends
