"""Questions over a call that hold under every schedule, whatever met what."""

from __future__ import annotations

from collections.abc import Iterator

from callchart.engine.data import Said
from callchart.engine.effects import StartReply
from callchart.engine.events import FinalHeard, SpeechStarted
from callchart.engine.testing import Telephone
from callchart.engine.testing.questions import (
    HeardReply,
    HeardSound,
    PlayingStay,
    heard_sounds,
    playing_stays,
)

#: s: a frame that is on the air is heard to its end.
FRAME = 0.02


def begun(call: Telephone) -> dict[int, float]:
    """When each reply was begun, by its number."""
    return {
        effect.reply.number: step.at_us / 1e6
        for step in call.steps
        for effect in (*step.effects, *step.entry_effects)
        if isinstance(effect, StartReply)
    }


def answers(call: Telephone) -> list[HeardReply]:
    """What was heard of the model's answers, in order: without greeting, apologies and the like."""
    return [heard for heard in call.heard if call.recording.replies[heard.reply].script is None]


def caller(call: Telephone) -> list[str]:
    """What the caller said, as the history has it."""
    return [said.text for said in call.history if said.who == "caller"]


def misfits(call: Telephone) -> list[tuple[str, str]]:
    """Of a model that says what it heard: the answers that answer something else than what was said
    before them, each with that."""
    found, question = [], ""
    for said in call.history:
        if said.who == "caller":
            question = said.text
        elif said.text.startswith("You") and not f"You said: {question}.".startswith(said.text):
            found.append((question, said.text))
    return found


def known(call: Telephone, words: str) -> tuple[float, float] | None:
    """When the caller began to say these words, and when their final was known; None: it never was.

    Seconds."""
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


def heard_in_spite_of(call: Telephone, words: str) -> list[str]:
    """The texts heard after these words were known, of replies begun before they were said."""
    if (moments := known(call, words)) is None:
        return []
    said, understood = moments
    return [
        sound.text
        for sound in heard_sounds(call.recording)
        if ends(call, sound) > understood + FRAME + 1e-6
        and sound.stay is not None
        and (sound.stay.reply is None or begun(call).get(sound.stay.reply, 0.0) < said)
        and sound.stay.begin < said
    ]


def heard_of_others(call: Telephone) -> list[str]:
    """Texts of one answer that were heard when a later one had been begun."""
    starts = begun(call)
    return [
        sound.text
        for sound in heard_sounds(call.recording)
        if sound.stay is not None and sound.stay.reply is not None
        for later, at in starts.items()
        if later > sound.stay.reply and ends(call, sound) > at + FRAME + 1e-6
    ]


def ends(call: Telephone, sound: HeardSound) -> float:
    """When the last of that stretch was heard, in seconds since the call began."""
    return sound.at + (sound.end - sound.first) / call.line.rate_hz


def is_answered(call: Telephone) -> bool:
    """What the caller said last was followed by an answer of the model's."""
    last = max(n for n, said in enumerate(call.history) if said.who == "caller")
    spoken = {heard.reply for heard in answers(call)}
    return any(_is_of(said, spoken) for said in call.history[last:])


def _is_of(said: Said, replies: set[int]) -> bool:
    return said.who == "agent" and said.reply in replies


def silent_stays(call: Telephone, state: str) -> Iterator[tuple[float, float]]:
    """From when until when the call was in a state, each stay by itself (s)."""
    since: float | None = None
    for step in call.steps:
        inside = f".{state}." in f".{step.after.leaf}."
        if inside and since is None:
            since = step.at_us / 1e6
        elif not inside and since is not None:
            yield since, step.at_us / 1e6
            since = None


def heard_between(call: Telephone, begin: float, end: float) -> list[str]:
    """The texts of which something was heard between two moments, but for a frame on the air."""
    return [
        sound.text
        for sound in heard_sounds(call.recording)
        if sound.at < end - 1e-6 and ends(call, sound) > begin + FRAME + 1e-6
    ]


def stays_of(call: Telephone, reply: int) -> list[PlayingStay]:
    """The stays in which a reply was played."""
    return [stay for stay in playing_stays(call.recording) if stay.reply == reply]
