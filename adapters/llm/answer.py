"""A model's answer as it comes in, whichever of the two APIs it comes by."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import httpx2

from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import ToolSpec


class BadStream(Exception):
    """The stream says what no answer says. `str()` tells what; nothing of the stream is in it."""


class GaveUp(Exception):
    """The server says, in the stream, that it will not go on. `error` is what it says of it."""

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
    """What one event of a stream adds to the answer.

    `writing`: the model has written something, be it of a tool call that is not whole yet. `end`:
    why the answer ends here, in the server's word; "" where it does not."""

    text: str = ""
    writing: bool = False
    end: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request: a text, and the tools to use after it, in order."""

    text: str
    calls: Sequence[ToolCall]
    end: str


class Reading(Protocol):
    """Makes sense of one stream, event by event."""

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
        """For the stream that answers one request."""
        ...
