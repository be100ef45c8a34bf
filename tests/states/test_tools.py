"""The model's tools as data."""

from __future__ import annotations

from callchart.engine.data import Said, ToolUsed
from callchart.engine.events import ToolFinished, ToolUnderWay
from callchart.states.data import PhoneData, RunningTool
from callchart.states.tools import (
    UNDER_WAY,
    record_tool_result,
    record_tool_start,
    tools_are_running,
)

QUESTION = Said("caller", "Put one aside")
BEGUN = ToolUnderWay(2, "book", "{}", 4.0)
FINISHED = ToolFinished(2, "book", "{}", "booked")


def test_a_tools_result_is_in_the_history() -> None:
    data = record_tool_result(PhoneData(history=(QUESTION,)), FINISHED)
    assert data.history == (QUESTION, ToolUsed("book", "{}", "booked", 2))


def test_a_tool_is_in_the_history_from_its_start() -> None:
    begun = record_tool_start(PhoneData(history=(QUESTION,)), BEGUN, 1_000_000)
    assert begun.history == (QUESTION, ToolUsed("book", "{}", UNDER_WAY, 2))
    assert begun.running_tools == (RunningTool(2, 5_000_000),)
    assert tools_are_running(begun)


def test_the_result_replaces_the_entry_of_the_start() -> None:
    other = ToolUsed("price", "{}", "nine", 1)
    begun = record_tool_start(PhoneData(history=(other,)), BEGUN, 0)
    later = PhoneData(
        history=(*begun.history, QUESTION), running_tools=(RunningTool(9, 1), *begun.running_tools)
    )
    data = record_tool_result(later, FINISHED)
    assert data.history == (other, ToolUsed("book", "{}", "booked", 2), QUESTION)
    assert data.running_tools == (RunningTool(9, 1),)
    assert not tools_are_running(record_tool_result(begun, FINISHED))
