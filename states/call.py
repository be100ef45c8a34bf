"""The whole conversation. It hears the caller from the first moment to the last."""

from __future__ import annotations

from callchart.engine.chart import State, ignore, stay, to
from callchart.engine.effects import AnswerLine
from callchart.engine.events import (
    CallerHungUp,
    CallTransferred,
    DigitReceived,
    EndOfUtteranceHeard,
    HangUpRequested,
    HearingFailed,
    LineClosed,
    PlaybackStopped,
    ToolFinished,
    ToolUnderWay,
    TransferFailed,
)
from callchart.states.hearing import (
    note_heard_out,
    note_line_closed,
    put_what_was_said,
    words_heard,
)
from callchart.states.listening import listening
from callchart.states.replies import (
    begin_farewell,
    begin_regret,
    saying_last_words,
    start_reply,
)
from callchart.states.settings import settings
from callchart.states.tools import note_finished, note_under_way
from callchart.states.turn import turn

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
        TransferFailed: ignore("nobody waits for it any more"),
        HangUpRequested: [
            ignore("the goodbye is being said", when=saying_last_words),
            to("turn.speaking", update=begin_farewell, effects=start_reply),
        ],
        HearingFailed: [
            ignore("the goodbye is being said", when=saying_last_words),
            to("turn.speaking", update=begin_regret, effects=start_reply),
        ],
        EndOfUtteranceHeard: stay(update=note_heard_out),
        PlaybackStopped: stay(update=words_heard),
        ToolUnderWay: stay(update=note_under_way),
        ToolFinished: stay(update=note_finished),
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
