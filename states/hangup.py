"""The call ends: the line is closed, and what must be done to its end is, and written down."""

from __future__ import annotations

from callchart.engine.chart import State, ignore, stay, to
from callchart.engine.effects import HangUpLine
from callchart.engine.events import (
    CallerHungUp,
    CallTransferred,
    DigitReceived,
    HangUpRequested,
    LineClosed,
    PlaybackStopped,
    ToolFinished,
    ToolUnderWay,
    TransferFailed,
)
from callchart.states.data import PhoneData
from callchart.states.hearing import note_line_closed, words_heard
from callchart.states.tools import note_finished, note_under_way, tools_are_at_work


def until_all_is_done(data: PhoneData, at_us: int) -> float:
    """Nothing, if it is; else a bound, in case a carrier or a tool never says so."""
    wait = data.settings.hangup_wait
    if data.running_tools:
        return (max(work.until_us for work in data.running_tools) - at_us) / 1_000_000 + wait
    return 0.0 if data.line_closed else wait


hangup = State(
    "hangup",
    __doc__,
    role="hangup",
    entry=HangUpLine(),
    on={
        LineClosed: [
            stay(update=note_line_closed, rearm="hangup_wait", when=tools_are_at_work),
            to("ended"),
        ],
        CallerHungUp: ignore("both sides hung up"),
        DigitReceived: ignore("the call ends"),
        CallTransferred: ignore("the call ends"),
        TransferFailed: ignore("the call ends"),
        HangUpRequested: ignore("it is being done"),
        PlaybackStopped: stay(update=words_heard),
        ToolUnderWay: stay(update=note_under_way, rearm="hangup_wait"),
        ToolFinished: stay(update=note_finished, rearm="hangup_wait"),
    },
    after={"hangup_wait": (until_all_is_done, to("ended"))},
)

ended = State("ended", "Nothing happens any more.", final=True)
