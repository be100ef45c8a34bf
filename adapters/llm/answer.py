"""A model's answer while it is streamed, for both of OpenAI's APIs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import httpx2

from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import ToolSpec


class BadStream(Exception):
    """The stream is malformed. `str()` gives the reason, without quoting the stream."""


class GaveUp(Exception):
    """The server reports an error in the stream; `error` is its content."""

    def __init__(self, error: object) -> None:
        super().__init__()
        self.error = error


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model's request to use a tool. `arguments` is JSON, as the model wrote it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the answer in one event of a stream.

    `writing`: the model has written something, of the text or of a tool call. `end`: the reason why
    the answer ends here, as the server names it; "" if it does not end here."""

    text: str = ""
    writing: bool = False
    end: str = ""


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """The result of one request: a text, and the tools to use after it, in order."""

    text: str
    calls: Sequence[ToolCall]
    end: str


class Reading(Protocol):
    """A parser of one stream, event by event."""

    @property
    def calls(self) -> Sequence[ToolCall]:
        """The tool calls so far, in the order in which they began."""
        ...

    def part(self, event: object) -> Part:
        """Parse the next event, a value from JSON. Raises `BadStream` and `GaveUp`."""
        ...


class Api(Protocol):
    """One of OpenAI's two APIs."""

    def ask(
        self, history: Sequence[Said | ToolUsed], specs: Sequence[ToolSpec]
    ) -> AbstractAsyncContextManager[httpx2.Response]:
        """Send a request. The response and its stream stay open during the block."""
        ...

    def reading(self) -> Reading:
        """Return a parser for the stream of one request."""
        ...
