"""The scripts of the model server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

from tests.servers.scripts import Script


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool to be used; `arguments` is JSON."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Writing(Script):
    """One answer. A piece is a token, and a token a word with the space behind it; tools are called
    behind the text. Where the text has {n}, each answer has a number of its own, of four digits
    from 1001 on. A status that comes in the middle of an answer is an error in its stream."""

    text: str = "Yes, of course.|"
    tools: tuple[ToolCall, ...] = ()

    @property
    def tokens(self) -> list[str]:
        return re.findall(r"\S+\s*", self.text)

    @classmethod
    def of(cls, json: dict[str, Any]) -> Self:
        """Make one from the result of `dataclasses.asdict`."""
        tools = tuple(ToolCall(**tool) for tool in json.pop("tools", ()))
        return cls(tools=tools, **json)
