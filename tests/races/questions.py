"""Questions about a call that hold under every schedule."""

from __future__ import annotations

from collections.abc import Iterator

from callchart.engine.data import Said
from callchart.engine.effects import StartReply
from callchart.engine.events import FinalHeard, SpeechStarted
from callchart.engine.testing import Telephone
from callchart.engine.testing.questions import (
    HeardReply,
    HeardSound,
    heard_sounds,
)

#: The length of a frame (s). A frame that has begun to play is heard to its end.
FRAME = 0.02


def beginnings(call: Telephone) -> dict[int, float]:
    """Return the time at which each reply began, by its number."""
    return {
        effect.reply.number: step.at_us / 1e6
        for step in call.steps
        for effect in (*step.effects, *step.entry_effects)
        if isinstance(effect, StartReply)
    }


def answers(call: Telephone) -> list[HeardReply]:
    """Return the heard answers of the model, in order, without scripts such as the greeting."""
    return [heard for heard in call.heard if call.recording.replies[heard.reply].script is None]


def caller(call: Telephone) -> list[str]:
    """Return the words of the caller in the history."""
    return [said.text for said in call.history if said.who == "caller"]


def wrong_answers(call: Telephone) -> list[tuple[str, str]]:
    """Return each answer that repeats other words than the last question, with that question. The
    model must repeat the words of each question."""
    found, question = [], ""
    for said in call.history:
        if said.who == "caller":
            question = said.text
        elif said.text.startswith("You") and not f"You said: {question}.".startswith(said.text):
            found.append((question, said.text))
    return found


def utterance_times(call: Telephone, words: str) -> tuple[float, float] | None:
    """Return when the caller began to say these words, and when their final came, in seconds.

    Return None if no final came."""
    for step in call.steps:
        if isinstance(step.event, FinalHeard) and step.event.text == words:
            utterance = step.event.utterance
            starts = (
                earlier.occurrence.at_us / 1e6
                for earlier in call.steps
                if isinstance(earlier.event, SpeechStarted) and earlier.event.utterance == utterance
            )
            return next(starts, step.at_us / 1e6), step.at_us / 1e6
    return None


def heard_after_interruption(call: Telephone, words: str) -> list[str]:
    """Return the texts that were heard after the final of these words, of replies that were begun
    before the caller said them."""
    if (moments := utterance_times(call, words)) is None:
        return []
    said, understood = moments
    return [
        sound.text
        for sound in heard_sounds(call.recording)
        if heard_until(call, sound) > understood + FRAME + 1e-6
        and sound.stay is not None
        and (sound.stay.reply is None or beginnings(call).get(sound.stay.reply, 0.0) < said)
        and sound.stay.begin < said
    ]


def heard_after_next_reply(call: Telephone) -> list[str]:
    """Return the texts of replies that were heard after a later reply began."""
    starts = beginnings(call)
    return [
        sound.text
        for sound in heard_sounds(call.recording)
        if sound.stay is not None and sound.stay.reply is not None
        for later, at in starts.items()
        if later > sound.stay.reply and heard_until(call, sound) > at + FRAME + 1e-6
    ]


def heard_until(call: Telephone, sound: HeardSound) -> float:
    """Return when the last sample of this sound was heard (s since the call began)."""
    return sound.at + (sound.end - sound.first) / call.line.rate_hz


def is_answered(call: Telephone) -> bool:
    """Return whether a heard answer of the model follows the last words of the caller."""
    last = max(n for n, said in enumerate(call.history) if said.who == "caller")
    spoken = {heard.reply for heard in answers(call)}
    return any(_is_of(said, spoken) for said in call.history[last:])


def _is_of(said: Said, replies: set[int]) -> bool:
    return said.who == "agent" and said.reply in replies


def stays_in(call: Telephone, state: str) -> Iterator[tuple[float, float]]:
    """Yield the beginning and the end of each stay in a state (s)."""
    since: float | None = None
    for step in call.steps:
        inside = f".{state}." in f".{step.after.leaf}."
        if inside and since is None:
            since = step.at_us / 1e6
        elif not inside and since is not None:
            yield since, step.at_us / 1e6
            since = None


def heard_between(call: Telephone, begin: float, end: float) -> list[str]:
    """Return the texts heard between two moments, without a frame that began to play before."""
    return [
        sound.text
        for sound in heard_sounds(call.recording)
        if sound.at < end - 1e-6 and heard_until(call, sound) > begin + FRAME + 1e-6
    ]
