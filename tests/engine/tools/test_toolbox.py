"""The tools of one answer, without a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from callchart.engine.events import Event, LineClosed, ToolFinished, ToolUnderWay
from callchart.engine.tools.tool import ToolDeclarationError, tool
from callchart.engine.tools.toolbox import Toolbox, ToolRunner
from tests.engine.quiet import NO_SERVICES


@tool
def price(article: str) -> str:
    """Return the price."""
    return f"{article} cost nine"


@tool(on_interruption="finish", seconds=3.0)
async def book(name: str) -> str:
    """Write it down."""
    await trio.sleep(2.0)
    return f"for {name}"


class FakeCall:
    """A fake call: keeps the posted events with their time (s), and takes each if `takes`."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery, self._began = nursery, trio.current_time()
        self.posted: list[tuple[float, Event]] = []
        self.takes = True
        self.runner = ToolRunner([price, book], self.post, self.start_soon)

    def post(self, event: Event) -> None:
        self.posted.append((trio.current_time() - self._began, event))
        if self.takes:
            self.runner.event_taken(event)

    def start_soon(self, job: Callable[[], Awaitable[None]]) -> None:
        self._nursery.start_soon(job)


def names(toolbox: Toolbox) -> list[str]:
    return [spec.name for spec in toolbox.specs]


async def test_hang_up_comes_first_and_transfer_needs_a_target(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        runner = FakeCall(nursery).runner
    assert names(Toolbox()) == ["hang_up"]
    assert names(Toolbox(runner)) == ["hang_up", "price", "book"]
    assert names(Toolbox(runner, ["100"])) == ["hang_up", "transfer", "price", "book"]


async def test_hang_up_and_transfer_end_the_answer() -> None:
    goodbye = Toolbox()
    assert await goodbye.use("hang_up", "{}") is None
    assert (goodbye.ends_call, goodbye.transfer_to) == (True, "")
    handing_on = Toolbox(transfers=["1XX"])
    assert await handing_on.use("transfer", '{"target": " 100 "}') is None
    assert (handing_on.ends_call, handing_on.transfer_to) == (False, "100")


def test_a_name_of_a_tool_is_unique() -> None:
    @tool
    def transfer() -> None:
        """Clash with the built-in tool."""

    for tools in ([price, price], [transfer]):
        with pytest.raises(ToolDeclarationError, match="the name must be unique"):
            replace(NO_SERVICES, tools=tools)


async def test_the_model_reads_that_a_tool_is_unknown() -> None:
    assert await Toolbox().use("price", "{}") == "There is no tool price."


async def test_each_use_is_posted_with_its_number(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        call = FakeCall(nursery)
        toolbox = Toolbox(call.runner)
        nails, ada = '{"article": "nails"}', '{"name": "Ada"}'
        assert await toolbox.use("price", nails) == "nails cost nine"
        assert await toolbox.use("price", "{}") != "nails cost nine"
        assert await toolbox.use("book", ada) == "for Ada"
    assert call.posted == [
        (0.0, ToolFinished(1, "price", nails, "nails cost nine")),
        (0.0, ToolUnderWay(2, "book", ada, 3.0)),
        (2.0, ToolFinished(2, "book", ada, "for Ada")),
    ]


async def test_a_cancelled_answer_begins_no_use() -> None:
    async with trio.open_nursery() as nursery:
        call = FakeCall(nursery)
        with trio.CancelScope() as over:
            over.cancel()
            await Toolbox(call.runner).use("book", '{"name": "Ada"}')
        assert over.cancelled_caught
    assert call.posted == []


async def test_a_finishing_use_begins_when_the_call_has_taken_its_event(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        call = FakeCall(nursery)
        call.takes = False
        with trio.move_on_after(60):
            await Toolbox(call.runner).use("book", '{"name": "Ada"}')
        call.runner.event_taken(LineClosed())
        call.runner.event_taken(call.posted[0][1])
        assert await Toolbox(call.runner).use("book", '{"name": "Ada"}') == "for Ada"
        assert trio.current_time() == 62.0


async def test_a_finishing_use_outlives_its_answer(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        call = FakeCall(nursery)
        with trio.move_on_after(0.5):
            await Toolbox(call.runner).use("book", '{"name": "Ada"}')
        # The next answer asks for the same use, and waits for the running one.
        assert await Toolbox(call.runner).use("book", '{ "name" : "Ada" }') == "for Ada"
        assert trio.current_time() == 2.0
    assert [type(event) for _, event in call.posted] == [ToolUnderWay, ToolFinished]
