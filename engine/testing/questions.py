"""Questions over what a call did: over its steps alone, or over its sound as well.

Each is a plain function of a `Recording` or of steps, so that they can be put together. Times are
seconds since the call began. A state is asked for by any part of its full name: "speaking",
"speaking.chunks" and "call.turn.speaking" all mean `call.turn.speaking.chunks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import EllipsisType
from typing import Any, TypeVar

from callchart.engine.chart import Chart, Outcome, Step
from callchart.engine.chart.decide import Active
from callchart.engine.data import Reply, Said, ToolUsed
from callchart.engine.effects import StartDraft, StartReply
from callchart.engine.events import Event, PlaybackStopped
from callchart.engine.ports import FRAME_SECONDS
from callchart.engine.testing.line import TICKS, FakeLine
from callchart.engine.testing.sound import pieces
from callchart.engine.testing.speech import FakeSynthesizer

#: A path of states: names, and `...` for any number of states between.
Path = Sequence[str | EllipsisType]

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Begun:
    """A reply that was begun: its script, and how many sounds had been asked for before it."""

    script: str | None
    sounds_before: int


@dataclass
class Recording:
    """Everything that one call did, and what was heard of it at the far end of the line."""

    chart: Chart
    line: FakeLine
    synthesizer: FakeSynthesizer
    steps: list[Step] = field(default_factory=list)
    #: The journal's lines; the first is its head.
    journal: Sequence[Mapping[str, Any]] = ()
    #: When the call began, by Trio's clock.
    began: float = 0.0
    replies: dict[int, Begun] = field(default_factory=dict)

    def note(self, step: Step) -> None:
        """A step has been decided, and is about to be carried out."""
        self.steps.append(step)
        for reply in _begun_by(step):
            sounds = len(self.synthesizer.syntheses)
            # A draft was begun before it is confirmed.
            self.replies.setdefault(reply.number, Begun(reply.script, sounds))

    def moment(self, tick: float) -> float:
        """Seconds since the call began, from the line's ticks since it was answered."""
        answered = self.line.answered_at
        return round(tick / TICKS + (self.began if answered is None else answered) - self.began, 6)


def _begun_by(step: Step) -> Iterator[Reply]:
    for effect in (*step.effects, *step.entry_effects):
        if isinstance(effect, StartReply | StartDraft):
            yield effect.reply


# --- questions over the steps ------------------------------------------------------------------


def is_in(leaf: str, state: str) -> bool:
    """Is the state of that name active where `leaf` is?"""
    return f".{state}." in f".{leaf}."


def states(steps: Sequence[Step]) -> list[str]:
    """The leaves passed through, by full name; a leaf that goes on counts once."""
    leaves: list[str] = []
    for step in steps:
        if step.entries or not leaves:
            leaves.append(step.after.leaf)
    return leaves


def follows(leaves: Sequence[str], path: Path) -> bool:
    """Do the leaves follow the path, from the first to the last?

    A name stands for one leaf or several in a row; `...` for any leaves, or none."""
    reached = {0}
    for wanted in path:
        if isinstance(wanted, EllipsisType):
            reached = set(range(min(reached), len(leaves) + 1))
            continue
        further: set[int] = set()
        for at in reached:
            while at < len(leaves) and is_in(leaves[at], wanted):
                at += 1
                further.add(at)
        if not further:
            return False
        reached = further
    return len(leaves) in reached


def entered(steps: Sequence[Step], state: str) -> list[float]:
    """When a state was entered, however long it lasted."""
    return [
        step.at_us / 1e6
        for step in steps
        if any(f".{active.state}".endswith(f".{state}") for active in step.entries)
    ]


def time_in(steps: Sequence[Step], state: str) -> float:
    """Seconds spent in a state, all stays together, up to the last step."""
    spent = 0
    for step, following in pairwise(steps):
        if is_in(step.after.leaf, state):
            spent += following.at_us - step.at_us
    return spent / 1e6


def events(steps: Sequence[Step], kind: type[E]) -> list[E]:
    """The events of a kind, in the order in which they were taken from the mailbox."""
    return [step.event for step in steps if isinstance(step.event, kind)]


def outcomes(steps: Sequence[Step], kind: type[Event]) -> list[Outcome]:
    """What became of each event of a kind."""
    return [step.outcome for step in steps if isinstance(step.event, kind)]


def times(steps: Sequence[Step], kind: type[Event]) -> list[float]:
    """When events of a kind happened."""
    return [step.at_us / 1e6 for step in steps if isinstance(step.event, kind)]


def history(steps: Sequence[Step]) -> tuple[Said, ...]:
    """What the call believes was said and heard."""
    said: tuple[Said, ...] = steps[-1].data.said
    return said


def tools_used(steps: Sequence[Step]) -> tuple[ToolUsed, ...]:
    """What the model's tools have done, as the call's history has it."""
    return tuple(item for item in steps[-1].data.history if isinstance(item, ToolUsed))


# --- questions over the sound ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay in a state that plays: of a reply, or of a filler (None). Seconds; inf: goes on.

    `claim` is what the engine said was heard, when it stopped; None when nothing was begun, or it
    has not stopped yet."""

    state: str
    reply: int | None
    begin: float
    end: float
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class HeardSound:
    """A stretch of one text's sound, as it came out at the far end: samples [first, end).

    `at` is in seconds since the call began; `stay` is where it belongs, None: it is stale."""

    at: float
    text: str
    sound: int
    first: int
    end: int
    stay: Stay | None
    #: Frames of it that were heard after their stay, or outside of any.
    stale_frames: int


@dataclass(frozen=True, slots=True)
class HeardReply:
    """The words of a reply that the caller heard, read off the line."""

    reply: int
    text: str


def playing_stays(recording: Recording) -> list[Stay]:
    """The stays in states that play, in order."""
    stays: list[Stay] = []
    under_way: dict[Active, int] = {}
    left = 0
    reply: int | None = None
    for step in recording.steps:
        at = step.at_us / 1e6
        for active in step.exits:
            if active in under_way:
                left = under_way.pop(active)
                stays[left] = replace(stays[left], end=at)
        if isinstance(step.event, PlaybackStopped):
            # Raised as the state is left: it is the step that follows.
            stays[left] = replace(stays[left], claim=step.event.heard)
        reply = next((begun.number for begun in _begun_by(step)), reply)
        for active in step.entries:
            activity = recording.chart.nodes[active.state].state.activity
            if activity in ("play", "fill"):
                under_way[active] = len(stays)
                of = reply if activity == "play" else None
                stays.append(Stay(active.state, of, at, math.inf))
    return stays


def heard_sounds(recording: Recording) -> Iterator[HeardSound]:
    """What came out at the far end by now, in order; stretches that follow each other are one."""
    stays = playing_stays(recording)
    began: HeardSound | None = None
    for at, sound, first, end in _stretches(recording):
        text = recording.synthesizer.syntheses[sound - 1].text
        stay = next(
            (s for s in reversed(stays) if s.begin <= at <= s.end and _is_of(recording, sound, s)),
            None,
        )
        stale = _frames_after(recording, at, first, end, stay)
        if began and (began.sound, began.end, began.stay) == (sound, first, stay):
            stale += began.stale_frames
            began = HeardSound(began.at, text, sound, began.first, end, stay, stale)
            continue
        if began:
            yield began
        began = HeardSound(at, text, sound, first, end, stay, stale)
    if began:
        yield began


def _stretches(recording: Recording) -> Iterator[tuple[float, int, int, int]]:
    """(when, sound, first sample, end) of each fake sound heard."""
    line = recording.line
    for played in line.played():
        for piece in pieces(played.pcm):
            at = recording.moment(played.begin + piece.offset / line.rate_hz * TICKS)
            yield at, piece.sound, piece.first, piece.end


def _is_of(recording: Recording, sound: int, stay: Stay) -> bool:
    """Does the sound belong to the reply (or the filler) that is played in that stay?"""
    synthesis = recording.synthesizer.syntheses[sound - 1]
    facts = recording.steps[0].data.facts
    if stay.reply is None:
        return any(clip.text == synthesis.text for clip in facts.fillers)
    begun = recording.replies[stay.reply]
    # What a model writes may have a "one moment" before it, and then lack a goodbye of its own.
    in_an_answer = (facts.scripts.waiting, facts.scripts.farewell)
    if synthesis.text in (in_an_answer if begun.script is None else (begun.script,)):
        return True
    later = [b.sounds_before for reply, b in recording.replies.items() if reply > stay.reply]
    return begun.sounds_before < sound <= min(later, default=sound)


def _frames_after(recording: Recording, at: float, first: int, end: int, stay: Stay | None) -> int:
    frame = recording.line.rate_hz // TICKS
    frames = -(-(end - first) // frame)
    if stay is None:
        return frames
    # The frame that is on the air when a stay ends was sent: it is heard to its end.
    in_time = (stay.end - at) / FRAME_SECONDS
    return 0 if in_time >= frames else max(0, frames - 1 - int(in_time + 1e-6))


def stale_frames(recording: Recording) -> int:
    """How many frames of a reply (or a filler) that was over came out at the far end."""
    return sum(sound.stale_frames for sound in heard_sounds(recording))


def words_of(recording: Recording, sound: HeardSound, slack: int = 0) -> list[str]:
    """The words that lie within the stretch; `slack` (samples) moves the stretch's end."""
    rate_hz = recording.line.rate_hz
    return [
        word.word
        for word in recording.synthesizer.syntheses[sound.sound - 1].words
        if round(word.start * rate_hz) >= sound.first - 1
        and round(word.end * rate_hz) <= sound.end + slack
    ]


def heard_by_caller(recording: Recording) -> list[HeardReply]:
    """The words that the caller heard by now, reply by reply, read off the line itself."""
    heard: dict[int, list[str]] = {}
    for sound in heard_sounds(recording):
        if sound.stay is not None and sound.stay.reply is not None:
            heard.setdefault(sound.stay.reply, []).extend(words_of(recording, sound))
    return [HeardReply(reply, " ".join(words)) for reply, words in heard.items()]


def first_sound_after(recording: Recording, at: float) -> float | None:
    """When, at or after that moment, the caller first heard anything; None: not yet."""
    for played in recording.line.played():
        begin, end = recording.moment(played.begin), recording.moment(played.end)
        if end > at:
            return max(begin, at)
    return None


def longest_silence(recording: Recording, since: float, until: float) -> float:
    """The longest time in which the caller heard nothing of us, between two moments."""
    longest, silent_since = 0.0, since
    for played in recording.line.played():
        begin, end = recording.moment(played.begin), recording.moment(played.end)
        if begin >= until:
            break
        if end > since:
            longest = max(longest, begin - silent_since)
            silent_since = end
    return max(longest, until - silent_since)
