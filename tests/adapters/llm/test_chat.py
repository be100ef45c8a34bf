"""The history as a chat, and streamed chat completions of several compatible servers."""

from __future__ import annotations

from typing import Any

import pytest

from callchart.adapters.llm.answer import BadStream, GaveUp, Part, ToolCall
from callchart.adapters.llm.chat import ChatReading, chat
from callchart.engine.data import Said, ToolUsed
from tests.adapters.llm.scripted import delta


def test_consecutive_items_of_one_side_become_one_chat_message() -> None:
    history = (
        Said("agent", "Hello.", reply=1),
        Said("caller", "Are you open?"),
        Said("caller", "On Sunday?"),
        Said("agent", "Well,", reply=2),
        Said("agent", "on Sunday we", reply=2, interrupted=True),
        Said("caller", "Wait."),
    )
    assert chat(history, "Be kind.", "…[interrupted]") == [
        {"role": "system", "content": "Be kind."},
        # The caller did not say this: some models refuse a chat that begins with the assistant.
        {"role": "user", "content": "…"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Are you open?\nOn Sunday?"},
        {"role": "assistant", "content": "Well,\non Sunday we…[interrupted]"},
        {"role": "user", "content": "Wait."},
    ]


def test_a_tool_call_joins_the_assistant_message_before_it() -> None:
    history = (
        Said("caller", "How many?"),
        Said("agent", "Let me see."),
        ToolUsed("look_up", '{"thing": "nails"}', "7"),
        ToolUsed("look_up", '{"thing": "screws"}', "9"),
        Said("agent", "Seven and nine."),
    )
    assert chat(history, "Be kind.", "…") == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "How many?"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [call("call00002", "look_up", '{"thing": "nails"}')],
        },
        {"role": "tool", "tool_call_id": "call00002", "content": "7"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call("call00003", "look_up", '{"thing": "screws"}')],
        },
        {"role": "tool", "tool_call_id": "call00003", "content": "9"},
        {"role": "assistant", "content": "Seven and nine."},
    ]


def call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def piece(index: int | None, call_id: str | None = None, **function: str) -> dict[str, Any]:
    """Return a piece of a tool call, as it comes in a stream."""
    named = {"index": index, "id": call_id, "function": function}
    return {key: value for key, value in named.items() if value is not None}


def calls_of(*events: list[dict[str, Any]]) -> list[ToolCall]:
    reading = ChatReading()
    for pieces in events:
        assert reading.part(delta(tool_calls=pieces)).writing
    return list(reading.calls)


def test_pieces_of_parallel_tool_calls_are_joined() -> None:
    assert calls_of(
        [piece(0, "a", name="look_up", arguments="")],
        [piece(0, arguments='{"thing":')],
        [piece(1, "b", name="note", arguments="{")],
        [piece(0, arguments=' "nails"}'), piece(1, arguments="}")],
    ) == [ToolCall("look_up", '{"thing": "nails"}'), ToolCall("note", "{}")]


def test_another_id_begins_another_call_even_with_the_same_index() -> None:
    assert calls_of(
        [piece(0, "a", name="look_up", arguments="{}")],
        [piece(0, "b", name="look_up", arguments='{"thing": "nails"}')],
    ) == [ToolCall("look_up", "{}"), ToolCall("look_up", '{"thing": "nails"}')]


def test_a_piece_without_an_index_and_with_a_repeated_name_is_joined() -> None:
    assert calls_of(
        [piece(None, "a", name="look_up", arguments="{")],
        [piece(None, "a", name="look_up", arguments="}")],
    ) == [ToolCall("look_up", "{}")]


def test_a_refusal_of_the_model_is_spoken() -> None:
    assert ChatReading().part(delta(refusal="I cannot help with that.")) == Part(
        "I cannot help with that.", writing=True
    )


def test_reasoning_does_not_count_as_writing() -> None:
    assert ChatReading().part(delta(reasoning_content="Hm, a caller.")) == Part()
    assert ChatReading().part(delta(role="assistant", content="")) == Part()
    assert ChatReading().part({"choices": [], "usage": {"total_tokens": 7}}) == Part()


def test_every_finish_reason_ends_the_answer() -> None:
    assert ChatReading().part(delta("length")) == Part(end="length")
    assert ChatReading().part(delta("stop", content="Bye.")) == Part("Bye.", True, "stop")


@pytest.mark.parametrize(
    "event",
    [
        [1],
        {"choices": [{}]},
        {"choices": [{"delta": None}]},
        delta(content=["x"]),
        delta(tool_calls="x"),
        delta(tool_calls=[{"function": None}]),
        delta(tool_calls=["x"]),
    ],
)
def test_an_event_that_is_not_a_chat_completion_raises_bad_stream(event: object) -> None:
    with pytest.raises(BadStream):
        ChatReading().part(event)


def test_an_error_event_raises_gave_up() -> None:
    with pytest.raises(GaveUp) as gave_up:
        ChatReading().part({"error": {"code": "overloaded"}})
    assert gave_up.value.error == {"code": "overloaded"}
