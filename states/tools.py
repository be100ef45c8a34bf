"""What the model's tools have done, as data: their place in the history, and which are at work."""

from __future__ import annotations

import json
from dataclasses import replace

from callchart.engine.data import AtWork, CallData, ToolUsed
from callchart.engine.events import Event, ToolFinished, ToolUnderWay, TransferFailed

#: The result of a tool that has none yet, as the next answer is told.
UNDER_WAY = "This is still being done; how it ends is not known yet."


# --- guards ------------------------------------------------------------------------------------


def tools_are_at_work(data: CallData) -> bool:
    """What must be done to its end is not done yet."""
    return bool(data.at_work)


# --- updates -----------------------------------------------------------------------------------


def note_under_way(data: CallData, event: ToolUnderWay, at_us: int) -> CallData:
    """It is in the history from its beginning: the next answer may be written before its end."""
    used = ToolUsed(event.name, event.arguments, UNDER_WAY, event.use)
    work = AtWork(event.use, at_us + round(event.seconds * 1_000_000))
    return replace(data, history=(*data.history, used), at_work=(*data.at_work, work))


def note_finished(data: CallData, event: ToolFinished) -> CallData:
    """What came of it stays in the history, where it began. A draft does not know of it."""
    used = ToolUsed(event.name, event.arguments, event.result, event.use)
    history = list(data.history)
    for place, item in enumerate(history):
        if isinstance(item, ToolUsed) and item.use == event.use:
            history[place] = used
            break
    else:
        history.append(used)
    at_work = tuple(work for work in data.at_work if work.use != event.use)
    return replace(data, history=tuple(history), at_work=at_work, draft="")


def note_not_transferred(data: CallData, event: Event) -> CallData:
    """The next answer is to know that the caller could not be handed on."""
    why = event.reason if isinstance(event, TransferFailed) else "nothing came of it"
    target = json.dumps({"target": data.reply.transfer_to})
    return replace(data, history=(*data.history, ToolUsed("transfer", target, f"Failed: {why}.")))
