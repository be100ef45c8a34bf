"""The positions of a text's words in its sound."""

from __future__ import annotations

from collections.abc import Sequence

from callchart.engine.ports import WordTiming

#: Characters per second of the fastest speech, measured on English that is read fast. It gives the
#: least length of a text's sound while the sound is incomplete.
FASTEST_CHARACTERS_PER_S = 18.0


def word_ends_s(text: str, timings: Sequence[WordTiming], duration_s: float) -> list[float]:
    """Return when each word of `text.split()` ends, in seconds from the beginning of its sound.

    `timings` come from the synthesizer. If there is one for each word, return their ends. Otherwise
    each word gets a part of the sound in proportion to its characters; `duration_s` is the length
    of the sound so far. If the timings are those of the first words, these words keep them, and the
    others end after `duration_s`."""
    words = text.split()
    known = [timing.end_s for timing in timings]
    if len(known) == len(words):
        return known
    characters = sum(len(word) for word in words) or 1
    whole = max(duration_s, len(text) / FASTEST_CHARACTERS_PER_S)
    ends, so_far = [], 0
    for word in words:
        so_far += len(word)
        ends.append(whole * so_far / characters)
    if known and [timing.word for timing in timings] == words[: len(timings)]:
        ends = [*known, *(max(end, duration_s) for end in ends[len(known) :])]
    return ends
