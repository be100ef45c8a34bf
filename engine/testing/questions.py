"""Questions about a call: about its steps, or about its sound as well.

Each is a function of a `Recording` or of steps, so they can be combined. Times are seconds since
the call began. Any part of a full name names a state: "speaking", "speaking.chunks" and
"call.turn.speaking" all mean `call.turn.speaking.chunks`.
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
    """A reply that was begun: its script, and the number of syntheses requested before it."""

    script: str | None
    sounds_before: int


@dataclass
class Recording:
    """Everything that one call did, and the sound at the far end of its line."""

    chart: Chart
    line: FakeLine
    synthesizer: FakeSynthesizer
    steps: list[Step] = field(default_factory=list)
    #: The journal's lines; the first is its head.
    journal: Sequence[Mapping[str, Any]] = ()
    #: The beginning of the call, by Trio's clock.
    began: float = 0.0
    replies: dict[int, Begun] = field(default_factory=dict)

    def note(self, step: Step) -> None:
        """Record a step that was decided, before its effects are carried out."""
        self.steps.append(step)
        for reply in _begun_by(step):
            sounds = len(self.synthesizer.syntheses)
            # A draft begins before it is confirmed.
            self.replies.setdefault(reply.number, Begun(reply.script, sounds))

    def moment(self, tick: float) -> float:
        """Convert ticks of the line since its answer to seconds since the call began."""
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
    """Return the leaves passed through, by full name; a leaf that goes on counts once."""
    leaves: list[str] = []
    for step in steps:
        if step.entries or not leaves:
            leaves.append(step.after.leaf)
    return leaves


def follows(leaves: Sequence[str], path: Path) -> bool:
    """Do the leaves follow the path, from the first to the last?

    A name matches one or several leaves in a row; `...` matches any number of leaves, or none."""
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
    """Return the times at which a state was entered."""
    return [
        step.at_us / 1e6
        for step in steps
        if any(f".{active.state}".endswith(f".{state}") for active in step.entries)
    ]


def time_in(steps: Sequence[Step], state: str) -> float:
    """Return the seconds spent in a state, in all stays together, up to the last step."""
    spent = 0
    for step, following in pairwise(steps):
        if is_in(step.after.leaf, state):
            spent += following.at_us - step.at_us
    return spent / 1e6


def events(steps: Sequence[Step], kind: type[E]) -> list[E]:
    """Return the events of a kind, in the order in which they were taken from the mailbox."""
    return [step.event for step in steps if isinstance(step.event, kind)]


def outcomes(steps: Sequence[Step], kind: type[Event]) -> list[Outcome]:
    """Return the outcome of each event of a kind."""
    return [step.outcome for step in steps if isinstance(step.event, kind)]


def times(steps: Sequence[Step], kind: type[Event]) -> list[float]:
    """Return the times of the events of a kind."""
    return [step.at_us / 1e6 for step in steps if isinstance(step.event, kind)]


def history(steps: Sequence[Step]) -> tuple[Said, ...]:
    """Return the history in the data of the call: the engine's view of the conversation."""
    said: tuple[Said, ...] = steps[-1].data.said
    return said


def tools_used(steps: Sequence[Step]) -> tuple[ToolUsed, ...]:
    """Return the tools that the model has used, from the call's history."""
    return tuple(item for item in steps[-1].data.history if isinstance(item, ToolUsed))


# --- questions over the sound ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlayingStay:
    """A stay in a state that plays a reply, or a filler (None). In seconds; inf: it goes on.

    `claim` are the heard words that the engine reported at the stop; None before it."""

    state: str
    reply: int | None
    begin: float
    end: float
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class HeardSound:
    """A stretch of one text's sound at the far end: samples [first, end).

    `at` is in seconds since the call began; `stay` is the stay that played it, or None if it is
    stale."""

    at: float
    text: str
    sound: int
    first: int
    end: int
    stay: PlayingStay | None
    #: The number of its frames that were heard after the stay, or outside of any.
    stale_frames: int


@dataclass(frozen=True, slots=True)
class HeardReply:
    """The words of a reply that the caller heard, taken from the sound on the line."""

    reply: int
    text: str


def playing_stays(recording: Recording) -> list[PlayingStay]:
    """Return the stays to states that play, in order."""
    stays: list[PlayingStay] = []
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
            # The event is raised when the state is left, so it is in the next step.
            stays[left] = replace(stays[left], claim=step.event.heard)
        reply = next((begun.number for begun in _begun_by(step)), reply)
        for active in step.entries:
            activity = recording.chart.nodes[active.state].state.activity
            if activity in ("play", "fill"):
                under_way[active] = len(stays)
                of = reply if activity == "play" else None
                stays.append(PlayingStay(active.state, of, at, math.inf))
    return stays


def heard_sounds(recording: Recording) -> Iterator[HeardSound]:
    """Yield the sounds at the far end by now, in order; adjacent stretches are joined."""
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
    """Yield (time, sound, first sample, end) of each fake sound heard."""
    line = recording.line
    for played in line.played():
        for piece in pieces(played.pcm):
            at = recording.moment(played.begin + piece.offset / line.rate_hz * TICKS)
            yield at, piece.sound, piece.first, piece.end


def _is_of(recording: Recording, sound: int, stay: PlayingStay) -> bool:
    """Does the sound belong to the reply (or the filler) of that stay?"""
    synthesis = recording.synthesizer.syntheses[sound - 1]
    facts = recording.steps[0].data.facts
    if stay.reply is None:
        return any(clip.text == synthesis.text for clip in facts.fillers)
    begun = recording.replies[stay.reply]
    # A model's answer may have a "one moment" before it, and may lack its own goodbye.
    in_an_answer = (facts.scripts.waiting, facts.scripts.farewell)
    if synthesis.text in (in_an_answer if begun.script is None else (begun.script,)):
        return True
    later = [b.sounds_before for reply, b in recording.replies.items() if reply > stay.reply]
    return begun.sounds_before < sound <= min(later, default=sound)


def _frames_after(
    recording: Recording, at: float, first: int, end: int, stay: PlayingStay | None
) -> int:
    frame = recording.line.rate_hz // TICKS
    frames = -(-(end - first) // frame)
    if stay is None:
        return frames
    # The frame that is played when a stay ends was sent already: it is heard to its end.
    in_time = (stay.end - at) / FRAME_SECONDS
    return 0 if in_time >= frames else max(0, frames - 1 - int(in_time + 1e-6))


def stale_frames(recording: Recording) -> int:
    """Count the frames of an ended reply (or filler) that came out at the far end."""
    return sum(sound.stale_frames for sound in heard_sounds(recording))


def words_of(recording: Recording, sound: HeardSound, slack: int = 0) -> list[str]:
    """Return the words within the stretch; `slack` (samples) moves the stretch's end."""
    rate_hz = recording.line.rate_hz
    return [
        word.word
        for word in recording.synthesizer.syntheses[sound.sound - 1].words
        if round(word.start_s * rate_hz) >= sound.first - 1
        and round(word.end_s * rate_hz) <= sound.end + slack
    ]


def heard_by_caller(recording: Recording) -> list[HeardReply]:
    """Return the words that the caller has heard by now, reply by reply, from the sound on the
    line."""
    heard: dict[int, list[str]] = {}
    for sound in heard_sounds(recording):
        if sound.stay is not None and sound.stay.reply is not None:
            heard.setdefault(sound.stay.reply, []).extend(words_of(recording, sound))
    return [HeardReply(reply, " ".join(words)) for reply, words in heard.items()]


def first_sound_after(recording: Recording, at: float) -> float | None:
    """Return the time of the first sound at or after that moment, or None."""
    for played in recording.line.played():
        begin, end = recording.moment(played.begin), recording.moment(played.end)
        if end > at:
            return max(begin, at)
    return None


def longest_silence(recording: Recording, since: float, until: float) -> float:
    """Return the longest time between two moments in which the caller heard no sound of ours."""
    longest, silent_since = 0.0, since
    for played in recording.line.played():
        begin, end = recording.moment(played.begin), recording.moment(played.end)
        if begin >= until:
            break
        if end > since:
            longest = max(longest, begin - silent_since)
            silent_since = end
    return max(longest, until - silent_since)
