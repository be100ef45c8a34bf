"""The whole conversation. It hears the caller from the first moment to the last."""

from __future__ import annotations

from dataclasses import replace

from engine.chart import State, ignore, stay, to
from engine.data import CallData
from engine.effects import AnswerLine
from engine.events import (
    CallerHungUp,
    CallTransferred,
    DigitReceived,
    Event,
    HangUpRequested,
    HearingFailed,
    LineClosed,
    PlaybackStopped,
    TransferFailed,
)
from engine.settings import settings
from states.hearing import put_what_was_said, words_heard
from states.listening import listening
from states.replies import (
    begin_apology,
    begin_farewell,
    begin_regret,
    saying_last_words,
    start_reply,
)
from states.turn import turn


def note_line_closed(data: CallData, event: Event, at: int) -> CallData:
    """There is nothing to hang up any more."""
    return replace(data, line_closed=True)


call = State(
    "call",
    __doc__,
    activity="hear",
    entry=[AnswerLine(), start_reply],
    on={
        CallerHungUp: to("hangup", update=put_what_was_said),
        LineClosed: to("hangup", update=[put_what_was_said, note_line_closed]),
        DigitReceived: ignore("this call has no menu"),
        CallTransferred: to("hangup", update=put_what_was_said),
        TransferFailed: [
            ignore("the goodbye is being said", when=saying_last_words),
            to("turn.speaking", update=begin_apology, effects=start_reply),
        ],
        HangUpRequested: [
            ignore("the goodbye is being said", when=saying_last_words),
            to("turn.speaking", update=begin_farewell, effects=start_reply),
        ],
        HearingFailed: [
            ignore("the goodbye is being said", when=saying_last_words),
            to("turn.speaking", update=begin_regret, effects=start_reply),
        ],
        PlaybackStopped: stay(update=words_heard),
    },
    after={
        "longest_call": (
            settings.longest_call,
            [
                ignore("the goodbye is being said", when=saying_last_words),
                to("turn.speaking", update=begin_farewell, effects=start_reply),
            ],
        ),
    },
    children=[turn, listening],
)
