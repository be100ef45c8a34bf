"""Questions about a call: about its steps, or about its sound.

Each is a function of steps or of a `Recording`, so tests can combine them. Times are seconds since
the call began. A state may be named by any part of its full name: the leaf
`call.turn.speaking.chunks` is in "speaking", "speaking.chunks" and "call.turn.speaking".
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
    """A reply that has begun: its script, and the number of earlier syntheses."""

    script: str | None
    sounds_before: int


@dataclass
class Recording:
    """The steps of one call, its journal, and the sound at the far end of its line."""

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
        """Record a step. It is decided, but its effects are not carried out yet."""
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
    """Return True if `leaf` is in the state of that name."""
    return f".{state}." in f".{leaf}."


def states(steps: Sequence[Step]) -> list[str]:
    """Return the full names of the leaves in order. A stay in a leaf counts once."""
    leaves: list[str] = []
    for step in steps:
        if step.entries or not leaves:
            leaves.append(step.after.leaf)
    return leaves


def follows(leaves: Sequence[str], path: Path) -> bool:
    """Return True if the path matches all leaves, from the first to the last.

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
    """Return the seconds in a state, in all its stays up to the last step."""
    spent = 0
    for step, following in pairwise(steps):
        if is_in(step.after.leaf, state):
            spent += following.at_us - step.at_us
    return spent / 1e6


def events(steps: Sequence[Step], kind: type[E]) -> list[E]:
    """Return the events of a class, in the order in which they were taken from the mailbox."""
    return [step.event for step in steps if isinstance(step.event, kind)]


def outcomes(steps: Sequence[Step], kind: type[Event]) -> list[Outcome]:
    """Return the outcome of each event of a class."""
    return [step.outcome for step in steps if isinstance(step.event, kind)]


def times(steps: Sequence[Step], kind: type[Event]) -> list[float]:
    """Return the times of the events of a class."""
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
    """A stay in a state that plays: the number of a reply, or None for a filler.

    `end` is `math.inf` while the stay goes on. `claim` are the heard words that the engine reported
    at the end; None before."""

    state: str
    reply: int | None
    begin: float
    end: float
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class HeardSound:
    """A part of one text's sound that the caller heard: samples [first, end).

    `at` is its beginning. `stay` is the stay that played it, or None for sound outside of any."""

    at: float
    text: str
    sound: int
    first: int
    end: int
    stay: PlayingStay | None
    #: The number of its frames that were heard after the stay, or without a stay.
    stale_frames: int


@dataclass(frozen=True, slots=True)
class HeardReply:
    """The words of a reply that the caller heard, taken from the sound on the line."""

    reply: int
    text: str


def playing_stays(recording: Recording) -> list[PlayingStay]:
    """Return the stays in states that play, in order."""
    stays: list[PlayingStay] = []
    under_way: dict[Active, int] = {}
    ended = 0
    reply: int | None = None
    for step in recording.steps:
        at = step.at_us / 1e6
        for active in step.exits:
            if active in under_way:
                ended = under_way.pop(active)
                stays[ended] = replace(stays[ended], end=at)
        if isinstance(step.event, PlaybackStopped):
            # The event is raised when the state is left, so the next step takes it.
            stays[ended] = replace(stays[ended], claim=step.event.heard)
        reply = next((begun.number for begun in _begun_by(step)), reply)
        for active in step.entries:
            activity = recording.chart.nodes[active.state].state.activity
            if activity in ("play", "fill"):
                under_way[active] = len(stays)
                played = reply if activity == "play" else None
                stays.append(PlayingStay(active.state, played, at, math.inf))
    return stays


def heard_sounds(recording: Recording) -> Iterator[HeardSound]:
    """Yield the sounds that the caller has heard by now, in order. Adjacent parts are joined."""
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
    """Yield (time, number of the sound, first sample, end) for each fake sound heard."""
    line = recording.line
    for played in line.played():
        for piece in pieces(played.pcm):
            at = recording.moment(played.begin + piece.offset / line.rate_hz * TICKS)
            yield at, piece.sound, piece.first, piece.end


def _is_of(recording: Recording, sound: int, stay: PlayingStay) -> bool:
    """Return True if the sound belongs to the reply or the filler of that stay."""
    synthesis = recording.synthesizer.syntheses[sound - 1]
    facts = recording.steps[0].data.facts
    if stay.reply is None:
        return any(clip.text == synthesis.text for clip in facts.fillers)
    begun = recording.replies[stay.reply]
    # A model's answer may contain the scripts that ask for a moment or say goodbye.
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
    # The caller hears the frame to its end that is being played when the stay ends.
    in_time = (stay.end - at) / FRAME_SECONDS
    return 0 if in_time >= frames else max(0, frames - 1 - int(in_time + 1e-6))


def stale_frames(recording: Recording) -> int:
    """Return the number of frames of ended replies and fillers that the caller heard."""
    return sum(sound.stale_frames for sound in heard_sounds(recording))


def words_of(recording: Recording, sound: HeardSound, slack: int = 0) -> list[str]:
    """Return the words within the sound; `slack` (samples) moves its end."""
    rate_hz = recording.line.rate_hz
    return [
        word.word
        for word in recording.synthesizer.syntheses[sound.sound - 1].words
        if round(word.start_s * rate_hz) >= sound.first - 1
        and round(word.end_s * rate_hz) <= sound.end + slack
    ]


def heard_by_caller(recording: Recording) -> list[HeardReply]:
    """Return the words that the caller has heard of each reply, from the sound on the line."""
    heard: dict[int, list[str]] = {}
    for sound in heard_sounds(recording):
        if sound.stay is not None and sound.stay.reply is not None:
            heard.setdefault(sound.stay.reply, []).extend(words_of(recording, sound))
    return [HeardReply(reply, " ".join(words)) for reply, words in heard.items()]


def first_sound_after(recording: Recording, at: float) -> float | None:
    """Return the time of the first sound of ours at or after that moment, or None."""
    for played in recording.line.played():
        begin, end = recording.moment(played.begin), recording.moment(played.end)
        if end > at:
            return max(begin, at)
    return None


def longest_silence(recording: Recording, since: float, until: float) -> float:
    """Return the longest time without sound of ours, between two moments."""
    longest, silent_since = 0.0, since
    for played in recording.line.played():
        begin, end = recording.moment(played.begin), recording.moment(played.end)
        if begin >= until:
            break
        if end > since:
            longest = max(longest, begin - silent_since)
            silent_since = end
    return max(longest, until - silent_since)
