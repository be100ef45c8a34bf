"""An answer as a stream of server-sent events, in each of the two APIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.servers.model.scripts import ToolCall, Writing

NAME = "scripted"

#: A function that turns tokens, each yielded when it is due, into the events of a stream.
Stream = Callable[[Writing, Iterator[str]], Iterator[bytes]]


def completion(writing: Writing, tokens: Iterator[str]) -> Iterator[bytes]:
    """Yield the events of a chat completion."""
    role: dict[str, Any] = {"role": "assistant", "content": ""}
    for token in tokens:
        yield _chunk({**role, "content": token})
        role = {}
    for index, tool in enumerate(writing.tools):
        function = {"name": tool.name, "arguments": ""}
        call = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
        yield _chunk({**role, "tool_calls": [call]})
        arguments = {"index": index, "function": {"arguments": tool.arguments}}
        yield _chunk({"tool_calls": [arguments]})
        role = {}
    yield _chunk({}, "tool_calls" if writing.tools else "stop")
    yield b"data: [DONE]\n\n"


def response(writing: Writing, tokens: Iterator[str]) -> Iterator[bytes]:
    """Yield the events of a response."""
    begun = False
    for token in tokens:
        if not begun:
            yield _event("response.created", response=_response("in_progress", writing))
            yield _event("response.output_item.added", output_index=0, item=_message(""))
            begun = True
        yield _event("response.output_text.delta", output_index=0, content_index=0, delta=token)
    if writing.text:
        yield _event("response.output_item.done", output_index=0, item=_message(writing.text))
    for index, tool in enumerate(writing.tools, 1):
        item = _function_call(index, tool)
        added = {**item, "arguments": ""}
        yield _event("response.output_item.added", output_index=index, item=added)
        yield _event(
            "response.function_call_arguments.delta", output_index=index, delta=tool.arguments
        )
        yield _event("response.output_item.done", output_index=index, item=item)
    yield _event("response.completed", response=_response("completed", writing))


def failure(error: object) -> bytes:
    """Return an error event for the middle of either stream."""
    return _data({"type": "error", "error": error})


def said_last(request: dict[str, Any]) -> str:
    """Return the last message's text, or the last tool's result."""
    messages: Sequence[Any] = request.get("messages") or request.get("input") or ()
    last = messages[-1] if isinstance(messages, list) and messages else {}
    return str(last.get("content") or last.get("output") or "")


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": NAME}
    return _data({**head, "choices": [choice]})


def _event(kind: str, **content: object) -> bytes:
    return f"event: {kind}\n".encode() + _data({"type": kind, **content})


def _data(content: object) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def _message(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": content}


def _function_call(index: int, tool: ToolCall) -> dict[str, Any]:
    ids = {"id": f"fc_{index}", "call_id": f"call_{index}"}
    return {**ids, "type": "function_call", "name": tool.name, "arguments": tool.arguments}


def _response(status: str, writing: Writing) -> dict[str, Any]:
    output = [_message(writing.text)] if status == "completed" and writing.text else []
    head = {"id": "resp_1", "object": "response", "created_at": 0, "model": NAME}
    return {**head, "status": status, "output": output}
