"""The scripts of the model server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

from tests.servers.scripts import Script


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool. `arguments` is JSON."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Writing(Script):
    """One answer. Its pieces are tokens: words with the space after them.

    The tool calls follow the text. "{n}" in the text becomes the number of the answer, from 1001
    on. A status in the middle of an answer is sent as an error in its stream."""

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
