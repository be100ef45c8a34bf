"""The model writes the answer. A filler bridges the silence until the first sound is ready."""

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
    hangs_up_without_words,
    interrupt_thinking,
    note_failure,
    note_ready,
    reply_is_ready,
    start_reply,
)
from callchart.states.settings import settings


def filler_is_due(data: PhoneData) -> bool:
    """Return True if there are fillers, and this turn had none yet."""
    return data.filler is None and bool(data.facts.fillers)


def choose_filler(data: PhoneData, at_us: int) -> PhoneData:
    """Choose a filler other than the last one, by the call's seed and the number of the reply."""
    choices = [n for n in range(len(data.facts.fillers)) if n != data.last_filler] or [0]
    chosen = choices[(data.seed + data.reply.number) % len(choices)]
    return replace(data, filler=chosen, last_filler=chosen, filler_at_us=at_us)


def note_filler_started(data: PhoneData, at_us: int) -> PhoneData:
    """Note when the caller first heard the filler: one frame before the event."""
    return replace(data, filler_at_us=at_us - round(FRAME_SECONDS * 1_000_000))


def rest_of_filler_word(data: PhoneData, at_us: int) -> float:
    """Return the seconds until the filler's current word ends, at most `settings.filler_ending`."""
    assert data.filler is not None, "filler_ending is entered with a filler"
    played_s = (at_us - data.filler_at_us) / 1_000_000
    ends_s = data.facts.fillers[data.filler].word_ends
    rest_s = min((end_s - played_s for end_s in ends_s if end_s >= played_s), default=0.0)
    return min(rest_s, data.settings.filler_ending)


silent = State(
    "silent",
    "The caller hears nothing. A filler may begin.",
    after={
        "filler": (
            settings.filler_after,
            [
                to("filling", update=choose_filler, when=filler_is_due),
                ignore("a turn has one filler"),
            ],
        ),
    },
)

filler = State(
    "filler",
    "The filler plays. The answer is not ready.",
    on={ReplyReady: to("filler_ending", update=note_ready)},
)

filler_ending = State(
    "filler_ending",
    "The answer is ready. It waits for the end of the filler's current word.",
    role="filler_ending",
    on={
        ReplyReady: ignore("the answer is already ready"),
        ReplyFailed: stay(update=note_failure),
        FillerFinished: to("speaking"),
    },
    after={"word_ends": (rest_of_filler_word, to("speaking"))},
)

filling = State(
    "filling",
    "A filler bridges the silence.",
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
        SpeechStarted: to("barged_in", update=interrupt_thinking),
        ReplyReady: to("speaking", update=note_ready),
        ReplyWritten: to(
            "speaking", update=begin_farewell, effects=start_reply, when=hangs_up_without_words
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
                # In `filler_ending`, the answer is ready and waits for the end of a word.
                to("speaking", when=reply_is_ready),
                to(
                    "speaking", update=begin_regret, effects=start_reply, when=apologies_are_used_up
                ),
                to("speaking", update=begin_apology, effects=start_reply),
            ],
        ),
    },
    children=[silent, filling],
)
