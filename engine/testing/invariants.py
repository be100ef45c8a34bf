"""Invariants of every call, checked at its end, in any chart and after any failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import inf

from callchart.engine.chart import Outcome
from callchart.engine.events import (
    LineClosed,
    PlaybackFinished,
    PlaybackStopped,
    ReplyFailed,
    ReplyWritten,
)
from callchart.engine.journal import JournalError, ReplayDiffers, replay
from callchart.engine.testing.model import FakeModel
from callchart.engine.testing.questions import (
    HeardSound,
    Recording,
    events,
    heard_sounds,
    outcomes,
    playing_stays,
    words_of,
)


def check_invariants(recording: Recording, model: FakeModel | None = None) -> None:
    """Raise `AssertionError` that lists all invariants that a finished call breaks."""
    sounds = list(heard_sounds(recording))
    broken = [
        *_one_reply_at_a_time(recording, model),
        *_one_end_of_each(recording, sounds),
        *_nothing_stale_is_acted_on(recording),
        *_nothing_after_the_end(recording),
        *_no_frame_of_a_dead_reply(sounds),
        *_history_is_what_was_heard(recording, sounds),
        *_the_journal_replays(recording),
    ]
    if broken:
        raise AssertionError("the call breaks invariants of every call:\n- " + "\n- ".join(broken))


def _one_reply_at_a_time(recording: Recording, model: FakeModel | None) -> Iterator[str]:
    numbers = list(recording.replies)
    if numbers != sorted(numbers):
        yield f"replies are begun in the order of their numbers, got {numbers}"
    asked = model.asked if model else []
    for before, after in pairwise(asked):
        if before.ended is None or before.ended > after.began:
            yield f"two answers were written at once, the second from {after.began:.3f} s on"


def _one_end_of_each(recording: Recording, sounds: list[HeardSound]) -> Iterator[str]:
    stops = len(events(recording.steps, PlaybackStopped))
    stopped = [stay for stay in playing_stays(recording) if stay.claim is not None]
    if len(stopped) != stops:
        yield f"each playback stops once, got {stops} stops of {len(stopped)} playbacks"
    for sound in sounds:
        if sound.stay and sound.stay.reply and sound.stay.end < inf and sound.stay.claim is None:
            yield f"reply {sound.stay.reply} was heard, and its playback never stopped"
    for kind in (PlaybackFinished, ReplyWritten, ReplyFailed):
        counted = Counter(
            step.event.reply
            for step in recording.steps
            if isinstance(step.event, kind) and step.outcome is not Outcome.STALE
        )
        for reply, times in counted.items():
            if times > 1:
                yield f"reply {reply} had {times} times {kind.__name__}"
    if outcomes(recording.steps, LineClosed).count(Outcome.TAKEN) > 1:
        yield "LineClosed was taken twice"


def _nothing_stale_is_acted_on(recording: Recording) -> Iterator[str]:
    for step in recording.steps:
        activation = step.occurrence.activation
        is_stale = activation is not None and all(
            active.activation != activation for active in step.before.active
        )
        if is_stale and step.outcome is not Outcome.STALE:
            yield (
                f"at {step.at_us / 1e6:.3f} s in {step.before.leaf}: {type(step.event).__name__} "
                f"is of a state that was left, and was {step.outcome.value}"
            )


def _nothing_after_the_end(recording: Recording) -> Iterator[str]:
    leaves = [step.after.leaf for step in recording.steps]
    finals = [leaf for leaf in leaves if recording.chart.is_final(leaf)]
    if finals != leaves[-1:]:
        yield f"a call ends once, with its last step, got {finals}"
    if not recording.line.hung_up:
        yield "the line was left open"


def _no_frame_of_a_dead_reply(sounds: list[HeardSound]) -> Iterator[str]:
    for sound in sounds:
        if sound.stale_frames:
            yield (
                f"{sound.stale_frames} stale frames from {sound.at:.3f} s on: {sound.text!r} "
                f"was heard after the end of its reply"
            )


def _history_is_what_was_heard(recording: Recording, sounds: list[HeardSound]) -> Iterator[str]:
    """Compare word for word. The frame that was being played at the stop may count or not."""
    if not recording.synthesizer.tells_words:
        return  # the engine only estimates the words
    heard: dict[object, list[HeardSound]] = {}
    for sound in sounds:
        heard.setdefault(sound.stay, []).append(sound)
    frame = recording.line.rate_hz // 50
    for stay in playing_stays(recording):
        if stay.claim is None:
            continue
        shorter, longer = (
            [word for sound in heard.get(stay, []) for word in words_of(recording, sound, slack)]
            for slack in (-frame, frame)
        )
        words = stay.claim.split()
        if not len(shorter) <= len(words) <= len(longer) or words != longer[: len(words)]:
            yield (
                f"reply {stay.reply}, played until {stay.end:.3f} s: the engine claims "
                f"{stay.claim!r}, the caller heard {' '.join(longer)!r}"
            )


def _the_journal_replays(recording: Recording) -> Iterator[str]:
    if not recording.journal:
        return
    head, *lines = json.loads(json.dumps(list(recording.journal)))
    try:
        replayed = len(list(replay(recording.chart, head, lines)))
    except (JournalError, ReplayDiffers) as error:
        yield f"the journal does not replay: {error}"
    else:
        if replayed != len(recording.steps):
            yield f"{len(recording.steps)} steps were taken, {replayed} are in the journal"
