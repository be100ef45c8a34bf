"""A fake model server without a socket, for tests of time: scripted answers, in order."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import trio

from callchart.adapters.llm.openai import OpenAIModel
from callchart.engine.ports import ToolSpec
from tests.contracts.language_model import Script

KEY = "sk-secret"
URL = "http://model.test/v1"


class Stream(httpx2.AsyncByteStream):
    """A body of server-sent events, from steps.

    A number is a wait in seconds, an exception is raised, a text is sent as an event, and any other
    value is sent as an event in JSON."""

    def __init__(self, *steps: object) -> None:
        self._steps = steps
        self.is_open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            if isinstance(step, (int, float)):
                await trio.sleep(step)
            elif isinstance(step, Exception):
                raise step
            else:
                data = step if isinstance(step, str) else json.dumps(step)
                yield f"data: {data}\n\n".encode()

    async def aclose(self) -> None:
        self.is_open = False


class Server:
    """A server that gives its answers in order, and then repeats the last one.

    An answer is the steps of a stream, a whole response, or an exception instead of a response. It
    comes after `latency` seconds."""

    def __init__(
        self, *answers: tuple[object, ...] | Exception | httpx2.Response, latency: float = 0.0
    ) -> None:
        self._answers, self._latency = answers, latency
        self.requests: list[httpx2.Request] = []
        #: The moment of each request, by Trio's clock.
        self.asked_at: list[float] = []
        self.streams: list[Stream] = []

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The content of each request."""
        return [json.loads(request.content) for request in self.requests]

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.asked_at.append(trio.current_time())
        answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        await trio.sleep(self._latency)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx2.Response):
            return answer
        stream = Stream(*answer)
        self.streams.append(stream)
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=stream)


@asynccontextmanager
async def asking(server: Server, **options: Any) -> AsyncIterator[OpenAIModel]:
    """Open a model on this server."""
    transport = httpx2.MockTransport(server.answer)
    async with OpenAIModel.open(
        **{"model": "parrot", "api_key": KEY, "base_url": URL, "transport": transport, **options}
    ) as model:
        yield model
    gc.collect(1)  # a generator that was left open warns now


def delta(finish: str | None = None, **delta: object) -> dict[str, Any]:
    """Return an event of a chat completion."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def whole(*texts: str) -> tuple[object, ...]:
    """Return a chat completion of these texts, without pauses."""
    return (*(delta(content=text) for text in texts), delta("stop"), "[DONE]")


def uses(*calls: tuple[str, str]) -> tuple[object, ...]:
    """Return a chat completion that calls tools, each by name and arguments."""
    return (
        delta(
            tool_calls=[
                {"index": n, "id": f"id{n}", "function": {"name": name, "arguments": arguments}}
                for n, (name, arguments) in enumerate(calls)
            ]
        ),
        delta("tool_calls"),
        "[DONE]",
    )


COMPLETED = {"type": "response.completed"}


def text(piece: str) -> dict[str, Any]:
    """Return an event of a response: a piece of its text."""
    return {"type": "response.output_text.delta", "delta": piece}


def done(name: str, arguments: str) -> dict[str, Any]:
    """Return an event of a response: the end of a tool call."""
    item = {"type": "function_call", "name": name, "arguments": arguments, "call_id": "x"}
    return {"type": "response.output_item.done", "item": item}


def answers(script: Script) -> list[tuple[object, ...]]:
    """Return the chat completions for a script of the contract: two if it uses tools."""
    last = (*at_pace(script, [delta(content=piece) for piece in script.after]), *whole())
    first = at_pace(script, [delta(content=piece) for piece in script.pieces])
    if script.hangs:
        return [(*first, 100.0)]
    if script.ends_call:
        return [(*first, *uses(("hang_up", "{}")))]
    return [(*first, *uses(*script.uses)), last] if script.uses else [(*first, *whole())]


def at_pace(script: Script, events: Sequence[object]) -> tuple[object, ...]:
    """Return the events as steps of a stream, at the script's pace."""
    paced: list[object] = []
    for number, event in enumerate(events):
        paced += [script.per_piece if number else script.first_piece, event]
    return tuple(paced)


LOOK_UP = ToolSpec(
    "look_up",
    "Looks a thing up in the stock.",
    {"type": "object", "properties": {"thing": {"type": "string"}}, "required": ["thing"]},
)


class Stock:
    """A `ports.Tools`: `hang_up` ends the answer, any other tool returns after `takes` seconds."""

    def __init__(self, *specs: ToolSpec, takes: float = 0.0, unit: str = "in stock") -> None:
        self.specs = specs or (LOOK_UP,)
        self._takes, self._unit = takes, unit
        self.used: list[tuple[str, str]] = []

    async def use(self, name: str, arguments: str) -> str | None:
        self.used.append((name, arguments))
        await trio.sleep(self._takes)
        return None if name == "hang_up" else f"{len(self.used)} {self._unit}"
