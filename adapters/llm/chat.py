"""Chat completions: the API that all compatible servers have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2
import openai
from openai.types.chat import (
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)

from callchart.adapters.llm.answer import BadStream, GaveUp, Part, ToolCall
from callchart.adapters.llm.history import Item, messages
from callchart.engine.data import ToolUsed
from callchart.engine.ports import ToolSpec

#: A message in the caller's place before our greeting. The chat templates of open models (for
#: example Mistral's and Gemma's) refuse a conversation that begins with the assistant.
_BEFORE_GREETING = "…"


class ChatCompletions:
    """An `answer.Api` for one model, by chat completions."""

    def __init__(
        self, client: openai.AsyncOpenAI, model: str, prompt: str, interrupted: str
    ) -> None:
        # Use this attribute now: the client imports its module at the first use, and would delay a
        # call.
        self._completions = client.chat.completions.with_streaming_response
        self._model, self._prompt, self._interrupted = model, prompt, interrupted

    @asynccontextmanager
    async def ask(
        self, history: Sequence[Item], specs: Sequence[ToolSpec]
    ) -> AsyncIterator[httpx2.Response]:
        async with self._completions.create(
            model=self._model,
            messages=chat(history, self._prompt, self._interrupted),
            # Omit an empty list: servers without tools refuse the field itself.
            tools=[_tool(spec) for spec in specs] or openai.omit,
            stream=True,
        ) as response:
            yield response.http_response

    def reading(self) -> ChatReading:
        return ChatReading()


def chat(
    history: Sequence[Item], prompt: str, interrupted: str
) -> list[ChatCompletionMessageParam]:
    """Return a call's history as the messages of a chat."""
    chat: list[ChatCompletionMessageParam] = [{"role": "system", "content": prompt}]
    for number, item in enumerate(messages(history, interrupted)):
        if isinstance(item, ToolUsed):
            _add_tool(chat, item, number)
        elif item.who == "caller":
            chat.append({"role": "user", "content": item.text})
        else:
            if len(chat) == 1:
                chat.append({"role": "user", "content": _BEFORE_GREETING})
            chat.append({"role": "assistant", "content": item.text})
    return chat


def _add_tool(chat: list[ChatCompletionMessageParam], used: ToolUsed, number: int) -> None:
    # Mistral's models accept only an id of nine letters and digits.
    call_id = f"call{number:05}"
    call: ChatCompletionMessageFunctionToolCallParam = {
        "id": call_id,
        "type": "function",
        "function": {"name": used.name, "arguments": used.arguments},
    }
    last = chat[-1]
    if last["role"] == "assistant":
        # Add the call to the message before it: some servers refuse two messages of the assistant
        # in a row.
        last["tool_calls"] = [call]
    else:
        chat.append({"role": "assistant", "content": None, "tool_calls": [call]})
    chat.append({"role": "tool", "tool_call_id": call_id, "content": used.result})


def _tool(spec: ToolSpec) -> ChatCompletionToolParam:
    return {
        "type": "function",
        "function": {
            "name": spec.name,
            "description": spec.description,
            "parameters": dict(spec.parameters),
        },
    }


class ChatReading:
    """An `answer.Reading` of one streamed chat completion."""

    def __init__(self) -> None:
        self._calls = _StreamedCalls()

    @property
    def calls(self) -> Sequence[ToolCall]:
        return self._calls.whole

    def part(self, event: object) -> Part:
        match event:
            case {"error": error} if error:
                raise GaveUp(error)
            case {"choices": []}:
                return Part()  # no text: the usage, or a content filter's report
            case {"choices": [{"delta": dict(delta), **rest}, *_]}:
                text = delta.get("content") or delta.get("refusal") or ""
                calls = delta.get("tool_calls") or []
                if isinstance(text, str) and isinstance(calls, list):
                    for call in calls:
                        self._calls.add(call)
                    return Part(text, bool(text or calls), str(rest.get("finish_reason") or ""))
        raise BadStream("an event does not belong to a chat completion")


class _StreamedCalls:
    """Tool calls that arrive in pieces, several in parallel. The index of a piece names its call.

    Ollama sends each call in one piece, and all with the index 0. So another id also begins another
    call."""

    def __init__(self) -> None:
        self._begun: list[_Begun] = []
        self._by_index: dict[object, _Begun] = {}

    @property
    def whole(self) -> Sequence[ToolCall]:
        return [ToolCall(begun.name, begun.arguments) for begun in self._begun]

    def add(self, piece: object) -> None:
        match piece:
            case {"function": dict(function), **rest}:
                index, call_id = rest.get("index"), rest.get("id")
                name, arguments = function.get("name"), function.get("arguments")
            case _:
                raise BadStream("a tool call has no function")
        begun = self._by_index.get(index)
        if begun is None or (call_id and begun.call_id and call_id != begun.call_id):
            begun = self._by_index[index] = _Begun()
            self._begun.append(begun)
        begun.call_id = begun.call_id or call_id
        begun.name = begun.name or str(name or "")
        begun.arguments += str(arguments or "")


class _Begun:
    """A tool call, as far as it has arrived."""

    def __init__(self) -> None:
        self.call_id: object = None
        self.name = ""
        self.arguments = ""
