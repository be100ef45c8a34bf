"""What the model's tools have done, as data: their place in the history, and which are at work."""

from __future__ import annotations

import json
from dataclasses import replace

from callchart.engine.data import ToolUsed
from callchart.engine.events import Event, ToolFinished, ToolUnderWay, TransferFailed
from callchart.states.data import PhoneData, RunningTool

#: The result of a tool that has none yet, as the next answer is told.
UNDER_WAY = "This is still being done; how it ends is not known yet."


# --- guards ------------------------------------------------------------------------------------


def tools_are_at_work(data: PhoneData) -> bool:
    """What must be done to its end is not done yet."""
    return bool(data.running_tools)


# --- updates -----------------------------------------------------------------------------------


def note_under_way(data: PhoneData, event: ToolUnderWay, at_us: int) -> PhoneData:
    """It is in the history from its beginning: the next answer may be written before its end."""
    used = ToolUsed(event.name, event.arguments, UNDER_WAY, event.use)
    work = RunningTool(event.use, at_us + round(event.seconds * 1_000_000))
    return replace(data, history=(*data.history, used), running_tools=(*data.running_tools, work))


def note_finished(data: PhoneData, event: ToolFinished) -> PhoneData:
    """What came of it stays in the history, where it began. A draft does not know of it."""
    used = ToolUsed(event.name, event.arguments, event.result, event.use)
    history = list(data.history)
    for place, item in enumerate(history):
        if isinstance(item, ToolUsed) and item.use == event.use:
            history[place] = used
            break
    else:
        history.append(used)
    running_tools = tuple(work for work in data.running_tools if work.use != event.use)
    return replace(data, history=tuple(history), running_tools=running_tools, draft="")


def note_not_transferred(data: PhoneData, event: Event) -> PhoneData:
    """The next answer is to know that the caller could not be handed on."""
    why = event.reason if isinstance(event, TransferFailed) else "nothing came of it"
    target = json.dumps({"target": data.reply.transfer_to})
    return replace(data, history=(*data.history, ToolUsed("transfer", target, f"Failed: {why}.")))
