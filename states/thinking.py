"""The answer is being written. A filler bridges the silence until its first sound is there."""

from __future__ import annotations

from dataclasses import replace

from callchart.engine.chart import State, ignore, stay, to
from callchart.engine.effects import StopPlayback
from callchart.engine.events import (
    FillerFinished,
    FillerStarted,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
    SpeechStarted,
)
from callchart.engine.ports import FRAME_SECONDS
from callchart.states.data import PhoneData
from callchart.states.replies import (
    apologies_are_used_up,
    begin_apology,
    begin_farewell,
    begin_regret,
    from_thinking,
    is_ready,
    note_failure,
    note_ready,
    only_hangs_up,
    start_reply,
)
from callchart.states.settings import settings


def filler_is_due(data: PhoneData) -> bool:
    """There are fillers, and this turn had none yet."""
    return data.filler is None and bool(data.facts.fillers)


def choose_filler(data: PhoneData, at_us: int) -> PhoneData:
    """Not the last one again; which of the others depends on the call's seed and the reply."""
    choices = [n for n in range(len(data.facts.fillers)) if n != data.last_filler] or [0]
    chosen = choices[(data.seed + data.reply.number) % len(choices)]
    return replace(data, filler=chosen, last_filler=chosen, filler_at_us=at_us)


def note_filler_started(data: PhoneData, at_us: int) -> PhoneData:
    """Its words are counted from when it was heard, a frame ago."""
    return replace(data, filler_at_us=at_us - round(FRAME_SECONDS * 1_000_000))


def end_of_fillers_word(data: PhoneData, at_us: int) -> float:
    """Until the word that is being said ends, at most `settings.filler_ending`."""
    assert data.filler is not None, "a filler that ends was chosen"
    said = (at_us - data.filler_at_us) / 1_000_000
    ends = data.facts.fillers[data.filler].word_ends
    rest = min((end - said for end in ends if end >= said), default=0.0)
    return min(rest, data.settings.filler_ending)


silent = State(
    "silent",
    "Nothing is heard; a filler may begin.",
    after={
        "filler": (
            settings.filler_after,
            [
                to("filling", update=choose_filler, when=filler_is_due),
                ignore("one filler a turn"),
            ],
        ),
    },
)

filler = State(
    "filler",
    "The filler is heard.",
    on={ReplyReady: to("filler_ending", update=note_ready)},
)

filler_ending = State(
    "filler_ending",
    "The answer is ready; the filler's word may end, for a moment.",
    role="filler_ending",
    on={
        ReplyReady: ignore("the answer is ready already"),
        ReplyFailed: stay(update=note_failure),
        FillerFinished: to("speaking"),
    },
    after={"word_ends": (end_of_fillers_word, to("speaking"))},
)

filling = State(
    "filling",
    "A filler is on its way to the line.",
    role="filler",
    activity="fill",
    exit=StopPlayback(),
    on={
        FillerStarted: stay(update=note_filler_started),
        FillerFinished: to("thinking.silent"),
    },
    children=[filler, filler_ending],
)

thinking = State(
    "thinking",
    __doc__,
    role="thinking",
    on={
        SpeechStarted: to("barged_in", update=from_thinking),
        ReplyReady: to("speaking", update=note_ready),
        ReplyWritten: to(
            "speaking", update=begin_farewell, effects=start_reply, when=only_hangs_up
        ),
        ReplyFailed: [
            to("speaking", update=begin_regret, effects=start_reply, when=apologies_are_used_up),
            to("speaking", update=begin_apology, effects=start_reply),
        ],
    },
    after={
        "reply_wait": (
            settings.reply_wait,
            [
                # It waits for the filler's word, and no longer.
                to("speaking", when=is_ready),
                to(
                    "speaking", update=begin_regret, effects=start_reply, when=apologies_are_used_up
                ),
                to("speaking", update=begin_apology, effects=start_reply),
            ],
        ),
    },
    children=[silent, filling],
)
