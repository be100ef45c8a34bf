"""The call ends. It waits until the line is closed and the running tools have finished."""

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
from callchart.states.hearing import note_line_closed, record_heard_words
from callchart.states.tools import record_tool_result, record_tool_start, tools_are_running


def hangup_limit(data: PhoneData, at_us: int) -> float:
    """Return the longest wait (s) for the line to close and for running tools to finish.

    It ends the call even if the carrier or a tool never reports."""
    wait_s = data.settings.hangup_wait
    if data.running_tools:
        return (max(tool.until_us for tool in data.running_tools) - at_us) / 1_000_000 + wait_s
    return 0.0 if data.line_closed else wait_s


hangup = State(
    "hangup",
    __doc__,
    role="hangup",
    entry=HangUpLine(),
    on={
        LineClosed: [
            stay(update=note_line_closed, rearm="hangup_wait", when=tools_are_running),
            to("ended"),
        ],
        CallerHungUp: ignore("both sides hung up"),
        DigitReceived: ignore("the call ends"),
        CallTransferred: ignore("the call ends"),
        TransferFailed: ignore("the call ends"),
        HangUpRequested: ignore("the call already hangs up"),
        PlaybackStopped: stay(update=record_heard_words),
        ToolUnderWay: stay(update=record_tool_start, rearm="hangup_wait"),
        ToolFinished: stay(update=record_tool_result, rearm="hangup_wait"),
    },
    after={"hangup_wait": (hangup_limit, to("ended"))},
)

ended = State("ended", "The call has ended.", final=True)
