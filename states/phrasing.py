"""The wording of the caller: backchannels, questions, unfinished sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

Words = tuple[str, ...]


def consists_of(text: str, phrases: Sequence[str], *, so_far: bool = False) -> bool:
    """Return True if the text has words, and all of them form these phrases.

    Case and punctuation do not count. `so_far`: the last phrase may lack words, as "OK, go" lacks
    one of "OK" and "go on"."""
    known = [words for phrase in phrases if (words := words_of(phrase))]
    words = words_of(text)
    return bool(words) and _are_made_of(words, known, so_far)


def is_question(text: str) -> bool:
    """Return True if the last sentence ends in "?", or begins like a question."""
    last = re.split(r"[.!?…]\s+", text.strip())[-1]
    words = words_of(last)
    # "How" or "what about" alone is only the start of a question.
    return last.endswith("?") or (len(words) > 2 and words[0] in ASKING)


def sounds_unfinished(text: str) -> bool:
    """Return True if the text ends in a comma, a word that leads on, or a hesitation."""
    if text.rstrip().endswith((",", "-", "\N{EN DASH}", "\N{EM DASH}", ":", "…", "...")):
        return True
    *_, last = words_of(text) or ("",)
    return last in JOINING or HESITATION.fullmatch(last) is not None


def words_of(text: str) -> Words:
    """Return the words in lower case, without punctuation: "Uh-huh, go on!" has four."""
    return tuple(re.findall(r"\w+", text.casefold().replace("ё", "е")))


#: First words of questions, in English and in Russian.
ASKING = frozenset(
    words_of(
        "what when where who whom whose which why how do does did can could is are "
        "что чего кто кого кому чей где куда откуда когда почему зачем "
        "как какой какая какое какие какую каким сколько можно"
    )
)

#: Words that do not end a sentence, in English and in Russian.
JOINING = frozenset(
    words_of(
        "and or but because if with to of for from at by the a an my your our their "
        "и а но или что чтобы если потому когда который которая которые "
        "в во на с со к ко по за из от для о об у до при без под над про это значит"
    )
)

#: A hesitation: "um", "uh", "er", "hmm", "эээ", "эм", "ммм", and longer.
HESITATION = re.compile("u+h*m*|e+r+m*|h*m+|э+м*|м+")


def _are_made_of(words: Words, phrases: Sequence[Words], so_far: bool) -> bool:
    if not words:
        return True
    return any(
        _are_made_of(words[len(phrase) :], phrases, so_far)
        if words[: len(phrase)] == phrase
        else so_far and words == phrase[: len(words)]
        for phrase in phrases
    )
