"""The history as the input of a response, and the events of a streamed response."""

from __future__ import annotations

import pytest

from callchart.adapters.llm.answer import BadStream, GaveUp, Part, ToolCall
from callchart.adapters.llm.responses import ResponseReading, conversation
from callchart.engine.data import Said, ToolUsed


def test_a_history_becomes_messages_and_function_calls() -> None:
    history = (
        Said("caller", "How many?"),
        Said("agent", "Let me", interrupted=True),
        Said("caller", "Nails."),
        ToolUsed("look_up", '{"thing": "nails"}', "7"),
        ToolUsed("look_up", '{"thing": "screws"}', "9"),
        Said("agent", "Seven."),
    )
    assert conversation(history, "…[cut]") == [
        {"role": "user", "content": "How many?"},
        {"role": "assistant", "content": "Let me…[cut]"},
        {"role": "user", "content": "Nails."},
        {
            "type": "function_call",
            "call_id": "call00003",
            "name": "look_up",
            "arguments": '{"thing": "nails"}',
        },
        {"type": "function_call_output", "call_id": "call00003", "output": "7"},
        {
            "type": "function_call",
            "call_id": "call00004",
            "name": "look_up",
            "arguments": '{"thing": "screws"}',
        },
        {"type": "function_call_output", "call_id": "call00004", "output": "9"},
        {"role": "assistant", "content": "Seven."},
    ]


@pytest.mark.parametrize(
    ("event", "part"),
    [
        ({"type": "response.created", "response": {"status": "in_progress"}}, Part()),
        ({"type": "response.reasoning_summary_text.delta", "delta": "Hm"}, Part()),
        ({"type": "response.output_item.added", "item": {"type": "message"}}, Part()),
        ({"type": "response.output_text.delta", "delta": "Yes,"}, Part("Yes,", True)),
        ({"type": "response.output_text.delta", "delta": ""}, Part()),
        ({"type": "response.refusal.delta", "delta": "No."}, Part("No.", True)),
        (
            {"type": "response.output_item.added", "item": {"type": "function_call"}},
            Part(writing=True),
        ),
        ({"type": "response.function_call_arguments.delta", "delta": "{"}, Part(writing=True)),
        ({"type": "response.completed", "response": {}}, Part(end="completed")),
        ({"type": "response.incomplete", "response": {}}, Part(end="incomplete")),
        (
            {
                "type": "response.incomplete",
                "response": {"incomplete_details": {"reason": "max_output_tokens"}},
            },
            Part(end="max_output_tokens"),
        ),
    ],
)
def test_each_event_becomes_a_part_of_the_answer(event: object, part: Part) -> None:
    assert ResponseReading().part(event) == part


def test_complete_tool_calls_are_collected_in_order() -> None:
    reading = ResponseReading()
    for name in ("look_up", "note"):
        call = {"type": "function_call", "name": name, "arguments": "{}", "call_id": "x"}
        reading.part({"type": "response.output_item.added", "item": call | {"arguments": ""}})
        reading.part({"type": "response.output_item.done", "item": call})
    assert reading.calls == [ToolCall("look_up", "{}"), ToolCall("note", "{}")]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.failed", "response": {"error": {"code": "server_error"}}},
        {"type": "error", "code": "server_error", "message": "Marmalade"},
        {"type": "error", "error": {"code": "server_error"}},
        {"error": {"code": "server_error"}},
    ],
)
def test_an_error_event_raises_gave_up(event: object) -> None:
    with pytest.raises(GaveUp) as gave_up:
        ResponseReading().part(event)
    assert gave_up.value.error == {"code": "server_error"}


@pytest.mark.parametrize("event", [[1], {}, {"choices": []}, {"type": 7}])
def test_an_event_that_is_not_a_response_raises_bad_stream(event: object) -> None:
    with pytest.raises(BadStream):
        ResponseReading().part(event)
