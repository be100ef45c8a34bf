"""The whole conversation. The recogniser listens to the caller from start to end."""

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
    note_end_recognised,
    note_line_closed,
    record_heard_words,
    record_unanswered,
)
from callchart.states.listening import listening
from callchart.states.replies import (
    begin_farewell,
    begin_regret,
    saying_last_words,
    start_reply,
)
from callchart.states.settings import settings
from callchart.states.tools import record_tool_result, record_tool_start
from callchart.states.turn import turn

call = State(
    "call",
    __doc__,
    activity="hear",
    entry=[AnswerLine(), start_reply],
    on={
        CallerHungUp: to("hangup", update=record_unanswered),
        LineClosed: to("hangup", update=[record_unanswered, note_line_closed]),
        DigitReceived: ignore("this call has no menu"),
        CallTransferred: to("hangup", update=record_unanswered),
        TransferFailed: ignore("no transfer is awaited"),
        HangUpRequested: [
            ignore("the last words are being said", when=saying_last_words),
            to("turn.speaking", update=begin_farewell, effects=start_reply),
        ],
        HearingFailed: [
            ignore("the last words are being said", when=saying_last_words),
            to("turn.speaking", update=begin_regret, effects=start_reply),
        ],
        EndOfUtteranceHeard: stay(update=note_end_recognised),
        PlaybackStopped: stay(update=record_heard_words),
        ToolUnderWay: stay(update=record_tool_start),
        ToolFinished: stay(update=record_tool_result),
    },
    after={
        "longest_call": (
            settings.longest_call,
            [
                ignore("the last words are being said", when=saying_last_words),
                to("turn.speaking", update=begin_farewell, effects=start_reply),
            ],
        ),
    },
    children=[turn, listening],
)
