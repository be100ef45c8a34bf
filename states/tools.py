"""The model's tools as data: the entries in the history, and the tools that still run."""

from __future__ import annotations

import json
from dataclasses import replace

from callchart.engine.data import ToolUsed
from callchart.engine.events import Event, ToolFinished, ToolUnderWay, TransferFailed
from callchart.states.data import PhoneData, RunningTool

#: The result that the model reads for a tool that still runs.
UNDER_WAY = "The tool is still running; its result is not known yet."


# --- guards ------------------------------------------------------------------------------------


def tools_are_running(data: PhoneData) -> bool:
    """Return True if a tool that must finish is still running."""
    return bool(data.running_tools)


# --- updates -----------------------------------------------------------------------------------


def record_tool_start(data: PhoneData, event: ToolUnderWay, at_us: int) -> PhoneData:
    """Add the tool to the history when it starts.

    The model may write the next answer before the tool ends, and must know that it runs."""
    used = ToolUsed(event.name, event.arguments, UNDER_WAY, event.use)
    tool = RunningTool(event.use, at_us + round(event.seconds * 1_000_000))
    return replace(data, history=(*data.history, used), running_tools=(*data.running_tools, tool))


def record_tool_result(data: PhoneData, event: ToolFinished) -> PhoneData:
    """Put the result into the tool's entry in the history. Drop a draft, which lacks the result."""
    used = ToolUsed(event.name, event.arguments, event.result, event.use)
    history = list(data.history)
    for place, item in enumerate(history):
        if isinstance(item, ToolUsed) and item.use == event.use:
            history[place] = used
            break
    else:
        history.append(used)
    running_tools = tuple(tool for tool in data.running_tools if tool.use != event.use)
    return replace(data, history=tuple(history), running_tools=running_tools, draft="")


def record_failed_transfer(data: PhoneData, event: Event) -> PhoneData:
    """Add the failed transfer to the history, so that the next answer knows of it."""
    why = event.reason if isinstance(event, TransferFailed) else "the carrier did not answer"
    target = json.dumps({"target": data.reply.transfer_to})
    return replace(data, history=(*data.history, ToolUsed("transfer", target, f"Failed: {why}.")))
