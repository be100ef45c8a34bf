"""What the language model may use while it writes one answer."""

from __future__ import annotations

from collections.abc import Sequence

from engine.ports import ToolSpec

HANG_UP = ToolSpec(
    "hang_up",
    "End the telephone call, once the goodbye written before it was spoken.",
    {"type": "object", "properties": {}, "additionalProperties": False},
)


class Toolbox:
    """`ports.Tools` of one answer. `ends_call`: the call ends once the answer was said."""

    def __init__(self) -> None:
        self.ends_call = False

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return (HANG_UP,)

    async def use(self, name: str, arguments: str) -> str | None:
        if name == HANG_UP.name:
            self.ends_call = True
            return None
        return f"There is no tool {name}."
