"""The tools that the language model may use in one answer: Callchart's own two, and the user's.

The history of the call holds each use that has a result, but no use that was cancelled with its
reply. A use with `on_interruption="finish"` is in the history from its beginning, so that the model
does not begin it again in its next answer."""

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

#: The names of Callchart's own tools, which no tool of the user may have.
OURS = (HANG_UP.name, "transfer")


def transfer_spec(targets: Sequence[str]) -> ToolSpec:
    """Return the tool that transfers the call.

    `targets` are numbers, and patterns with X for a digit."""
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
class _RunningTool:
    """A use that runs to its end, even if its reply ends before."""

    tool: Tool
    use: int
    arguments: Mapping[str, Any]
    result: str = ""
    #: Set when the call has taken `ToolUnderWay`: from then on it waits for the result.
    known: trio.Event = field(default_factory=trio.Event)
    done: trio.Event = field(default_factory=trio.Event)


class ToolRunner:
    """Runs the user's tools in one call.

    `post` takes the events of the uses. `start_soon` starts a task that lasts as long as the call.
    Raises `ToolDeclarationError` for two tools of one name."""

    def __init__(
        self,
        tools: Sequence[Tool],
        post: Callable[[Event], None],
        start_soon: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        self._tools = by_name(tools, taken=OURS)
        self._post, self._start_soon = post, start_soon
        self._uses = 0
        self._running: list[_RunningTool] = []

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in self._tools.values()]

    async def use(self, name: str, arguments: str) -> str:
        """See `ports.Tools`."""
        if (tool := self._tools.get(name)) is None:
            return f"There is no tool {name}."
        try:
            parsed = tool.parse_arguments(arguments)
        except ToolError as error:
            return str(error)
        # A cancelled answer must not begin a use.
        await trio.lowlevel.checkpoint_if_cancelled()
        if tool.on_interruption == "finish":
            running = self._find(tool, parsed) or self._begin(tool, parsed, arguments)
            await running.done.wait()
            return running.result
        use = self._next()
        result = await tool.run(parsed)
        self._post(ToolFinished(use, name, arguments, result))
        return result

    def event_taken(self, event: Event) -> None:
        """Start the use that `event` announces: the call has taken the event."""
        for running in self._running:
            if isinstance(event, ToolUnderWay) and event.use == running.use:
                running.known.set()

    def _next(self) -> int:
        self._uses += 1
        return self._uses

    def _find(self, tool: Tool, arguments: Mapping[str, Any]) -> _RunningTool | None:
        """Return the running use of the same tool with the same arguments, or None."""
        for running in self._running:
            if running.tool is tool and running.arguments == arguments:
                return running
        return None

    def _begin(self, tool: Tool, arguments: Mapping[str, Any], written: str) -> _RunningTool:
        running, name = _RunningTool(tool, self._next(), arguments), tool.spec.name

        async def finish() -> None:
            # Do not start earlier: the call may end before it takes the event, and would cancel it.
            await running.known.wait()
            running.result = await tool.run(arguments)
            self._running.remove(running)
            self._post(ToolFinished(running.use, name, written, running.result))
            running.done.set()

        self._running.append(running)
        self._post(ToolUnderWay(running.use, name, written, tool.seconds))
        self._start_soon(finish)
        return running


class Toolbox:
    """The tools of one answer (`ports.Tools`), and the model's wishes for the time after it.

    `ends_call` is True when the model wants to hang up. `transfer_to` is the target of the transfer
    that the model wants, or "". The tool `transfer` is offered when `transfers` is not empty; the
    carrier still checks the target. `runner` runs the user's tools; without it there are none."""

    def __init__(self, runner: ToolRunner | None = None, transfers: Sequence[str] = ()) -> None:
        self._runner = runner
        self._transfer = transfer_spec(transfers) if transfers else None
        self.ends_call = False
        self.transfer_to = ""

    @property
    def specs(self) -> Sequence[ToolSpec]:
        ours = (HANG_UP,) if self._transfer is None else (HANG_UP, self._transfer)
        return (*ours, *self._runner.specs) if self._runner else ours

    async def use(self, name: str, arguments: str) -> str | None:
        if name == "hang_up":
            self.ends_call = True
            return None
        if name == "transfer" and self._transfer is not None:
            self.transfer_to = _target(arguments)
            return None if self.transfer_to else 'Write a target, such as {"target": "100"}.'
        if self._runner is None:
            return f"There is no tool {name}."
        return await self._runner.use(name, arguments)


def _target(arguments: str) -> str:
    """Return the target in the JSON that the model wrote, or "" if it has none."""
    try:
        written = json.loads(arguments)
    except ValueError:
        return ""
    match written:
        case {"target": str(target)}:
            return target.strip()
    return ""
