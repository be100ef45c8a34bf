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
    """A tool that the model wants used. `arguments` is JSON, as the model wrote it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the answer in one event of a stream.

    `writing`: the model has written something, be it of a tool call that is not whole yet. `end`:
    why the answer ends here, in the server's word; "" where it does not."""

    text: str = ""
    writing: bool = False
    end: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one request: a text, and the tools to use after it, in order."""

    text: str
    calls: Sequence[ToolCall]
    end: str


class Reading(Protocol):
    """A parser of one stream, event by event."""

    @property
    def calls(self) -> Sequence[ToolCall]:
        """The tool calls so far, in the order in which they were begun."""
        ...

    def part(self, event: object) -> Part:
        """The next event, parsed from its JSON. Raises `BadStream` and `GaveUp`."""
        ...


class Api(Protocol):
    """One of the ways to ask a model."""

    def ask(
        self, history: Sequence[Said | ToolUsed], specs: Sequence[ToolSpec]
    ) -> AbstractAsyncContextManager[httpx2.Response]:
        """Ask, and have the response with its stream for as long as the block."""
        ...

    def reading(self) -> Reading:
        """Return a parser for the stream of one request."""
        ...
