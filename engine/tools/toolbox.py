"""What the language model may use while it writes one answer: our own two tools, and the user's.

A use is in the call's history once something has come of it. One that is cancelled with its reply
leaves nothing there, as if the model had never asked. One that finishes stands there from its
beginning, so that the next answer knows of it, and does not begin it again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from callchart.engine.events import Event, ToolFinished, ToolUnderWay
from callchart.engine.ports import ToolSpec
from callchart.engine.tools.tool import Tool, ToolError, by_name

HANG_UP = ToolSpec(
    "hang_up",
    "End the telephone call, once the goodbye written before it was spoken.",
    {"type": "object", "properties": {}, "additionalProperties": False},
)

#: The names of our own tools, which no other may have.
OURS = (HANG_UP.name, "transfer")


def transfer_spec(targets: Sequence[str]) -> ToolSpec:
    """The tool that hands the caller on. `targets` are numbers, and patterns with X for a digit."""
    return ToolSpec(
        "transfer",
        "Hand the caller on to another extension, once what was written before it was spoken. You "
        "can say nothing more in this call then.",
        {
            "type": "object",
            "properties": {
                "target": {
                    "type": "string",
                    "description": f"one of: {', '.join(targets)} (X is any digit)",
                }
            },
            "required": ["target"],
            "additionalProperties": False,
        },
    )


@dataclass(eq=False, slots=True)
class _Work:
    """A use that finishes, whatever becomes of its reply."""

    tool: Tool
    use: int
    arguments: Mapping[str, Any]
    result: str = ""
    #: The call knows of it, and will wait for it.
    known: trio.Event = field(default_factory=trio.Event)
    done: trio.Event = field(default_factory=trio.Event)


class Workbench:
    """The user's tools, in one call.

    `post` tells the call what happened; `start_soon` starts a task in the call's own scope."""

    def __init__(
        self,
        tools: Sequence[Tool],
        post: Callable[[Event], None],
        start_soon: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        self._tools = by_name(tools, taken=OURS)
        self._post, self._start_soon = post, start_soon
        self._uses = 0
        self._at_work: list[_Work] = []

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in self._tools.values()]

    async def use(self, name: str, arguments: str) -> str:
        """See `ports.Tools`."""
        if (tool := self._tools.get(name)) is None:
            return f"There is no tool {name}."
        try:
            understood = tool.understood(arguments)
        except ToolError as error:
            return str(error)
        # An answer that is over begins nothing any more.
        await trio.lowlevel.checkpoint_if_cancelled()
        if tool.on_interruption == "finish":
            work = self._same(tool, understood) or self._begin(tool, understood, arguments)
            await work.done.wait()
            return work.result
        use = self._next()
        result = await tool.run(understood)
        self._post(ToolFinished(use, name, arguments, result))
        return result

    def taken(self, event: Event) -> None:
        """The call has taken this event: a use that it tells of may begin."""
        for work in self._at_work:
            if isinstance(event, ToolUnderWay) and event.use == work.use:
                work.known.set()

    def _next(self) -> int:
        self._uses += 1
        return self._uses

    def _same(self, tool: Tool, arguments: Mapping[str, Any]) -> _Work | None:
        """It is at work on just this already, for a reply that is over: it is not done twice."""
        for work in self._at_work:
            if work.tool is tool and work.arguments == arguments:
                return work
        return None

    def _begin(self, tool: Tool, arguments: Mapping[str, Any], written: str) -> _Work:
        work, name = _Work(tool, self._next(), arguments), tool.spec.name

        async def finish() -> None:
            # The call may end before it takes note: then nothing was begun that it cuts off.
            await work.known.wait()
            work.result = await tool.run(arguments)
            self._at_work.remove(work)
            self._post(ToolFinished(work.use, name, written, work.result))
            work.done.set()

        self._at_work.append(work)
        self._post(ToolUnderWay(work.use, name, written, tool.seconds))
        self._start_soon(finish)
        return work


class Toolbox:
    """`ports.Tools` of one answer, and what it is to lead to once it was said.

    `ends_call`: to the call's end. `transfer_to`: to a transfer, which is offered where `transfers`
    says to whom (the carrier has the last word). Without a workbench, there are no other tools."""

    def __init__(self, workbench: Workbench | None = None, transfers: Sequence[str] = ()) -> None:
        self._workbench = workbench
        self._transfer = transfer_spec(transfers) if transfers else None
        self.ends_call = False
        self.transfer_to = ""

    @property
    def specs(self) -> Sequence[ToolSpec]:
        ours = (HANG_UP,) if self._transfer is None else (HANG_UP, self._transfer)
        return (*ours, *self._workbench.specs) if self._workbench else ours

    async def use(self, name: str, arguments: str) -> str | None:
        if name == "hang_up":
            self.ends_call = True
            return None
        if name == "transfer" and self._transfer is not None:
            self.transfer_to = _target(arguments)
            return None if self.transfer_to else 'Write a target, such as {"target": "100"}.'
        if self._workbench is None:
            return f"There is no tool {name}."
        return await self._workbench.use(name, arguments)


def _target(arguments: str) -> str:
    """Whom the model wants to hand the caller on to; "" where that is not what it wrote."""
    try:
        written = json.loads(arguments)
    except ValueError:
        return ""
    match written:
        case {"target": str(target)}:
            return target.strip()
    return ""
