"""Responses: OpenAI's newer API, which some compatible servers also have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2
import openai
from openai.types.responses import EasyInputMessageParam, FunctionToolParam, ResponseInputItemParam

from callchart.adapters.llm.answer import BadStream, GaveUp, Part, ToolCall
from callchart.adapters.llm.history import Item, messages
from callchart.engine.data import ToolUsed
from callchart.engine.ports import ToolSpec


class Responses:
    """An `answer.Api` for one model, by the Responses API."""

    def __init__(
        self, client: openai.AsyncOpenAI, model: str, prompt: str, interrupted: str
    ) -> None:
        # Use this attribute now: the client imports its module at the first use, and would delay a
        # call.
        self._responses = client.responses.with_streaming_response
        self._model, self._prompt, self._interrupted = model, prompt, interrupted

    @asynccontextmanager
    async def ask(
        self, history: Sequence[Item], specs: Sequence[ToolSpec]
    ) -> AsyncIterator[httpx2.Response]:
        async with self._responses.create(
            model=self._model,
            instructions=self._prompt,
            input=conversation(history, self._interrupted),
            # Omit an empty list: servers without tools refuse the field itself.
            tools=[_tool(spec) for spec in specs] or openai.omit,
            # Each request has the whole history, so the server need not store the caller's words.
            store=False,
            stream=True,
        ) as response:
            yield response.http_response

    def reading(self) -> ResponseReading:
        return ResponseReading()


def conversation(history: Sequence[Item], interrupted: str) -> list[ResponseInputItemParam]:
    """Return a call's history as the input of a response."""
    items: list[ResponseInputItemParam] = []
    for number, item in enumerate(messages(history, interrupted)):
        if isinstance(item, ToolUsed):
            call_id = f"call{number:05}"
            items.append(
                {
                    "type": "function_call",
                    "call_id": call_id,
                    "name": item.name,
                    "arguments": item.arguments,
                }
            )
            items.append(
                {"type": "function_call_output", "call_id": call_id, "output": item.result}
            )
        else:
            said: EasyInputMessageParam = {
                "role": "user" if item.who == "caller" else "assistant",
                "content": item.text,
            }
            items.append(said)
    return items


def _tool(spec: ToolSpec) -> FunctionToolParam:
    return {
        "type": "function",
        "name": spec.name,
        "description": spec.description,
        "parameters": dict(spec.parameters),
        # Strict mode allows only a part of JSON schema, and a tool's schema may use more.
        "strict": False,
    }


class ResponseReading:
    """An `answer.Reading` of one streamed response."""

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []

    @property
    def calls(self) -> Sequence[ToolCall]:
        return self._calls

    def part(self, event: object) -> Part:
        match event:
            case {
                "type": "response.output_text.delta" | "response.refusal.delta",
                "delta": str(text),
            }:
                return Part(text, writing=bool(text))
            case {"type": "response.function_call_arguments.delta"} | {
                "type": "response.output_item.added",
                "item": {"type": "function_call"},
            }:
                return Part(writing=True)
            case {
                "type": "response.output_item.done",
                "item": {"type": "function_call", "name": str(name), "arguments": str(arguments)},
            }:
                # This event has the whole call, so ignore the pieces before it.
                self._calls.append(ToolCall(name, arguments))
                return Part(writing=True)
            case {"type": "response.completed"}:
                return Part(end="completed")
            case {"type": "response.incomplete"}:
                return Part(end=_why_incomplete(event))
            case {"type": "response.failed", "response": {"error": error}}:
                raise GaveUp(error)
            case {"type": "error", "error": error} | {"error": error} if error:
                raise GaveUp(error)
            case {"type": "error", "code": code}:
                raise GaveUp({"code": code})
            case {"type": str()}:
                return Part()  # progress without text: an item or a part begins or ends
        raise BadStream("an event does not belong to a response")


def _why_incomplete(event: object) -> str:
    match event:
        case {"response": {"incomplete_details": {"reason": str(reason)}}}:
            return reason
    return "incomplete"
