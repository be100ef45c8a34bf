"""The call ends: the line is closed, and what was heard last is still written down."""

from __future__ import annotations

from engine.chart import State, ignore, stay, to
from engine.data import CallData
from engine.effects import HangUpLine
from engine.events import (
    CallerHungUp,
    CallTransferred,
    DigitReceived,
    HangUpRequested,
    LineClosed,
    PlaybackStopped,
    TransferFailed,
)
from states.hearing import words_heard


def until_the_line_is_closed(data: CallData, at: int) -> float:
    """Nothing, if it is closed already; else a bound, in case the carrier never says so."""
    return 0.0 if data.line_closed else data.settings.hangup_wait


hangup = State(
    "hangup",
    __doc__,
    entry=HangUpLine(),
    on={
        LineClosed: to("ended"),
        CallerHungUp: ignore("both sides hung up"),
        DigitReceived: ignore("the call ends"),
        CallTransferred: ignore("the call ends"),
        TransferFailed: ignore("the call ends"),
        HangUpRequested: ignore("it is being done"),
        PlaybackStopped: stay(update=words_heard),
    },
    after={"hangup_wait": (until_the_line_is_closed, to("ended"))},
)

ended = State("ended", "Nothing happens any more.", final=True)
