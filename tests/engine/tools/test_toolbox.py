"""The tools of one answer, apart from any call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from callchart.engine.events import Event, LineClosed, ToolFinished, ToolUnderWay
from callchart.engine.tools.tool import ToolDeclarationError, tool
from callchart.engine.tools.toolbox import Toolbox, Workbench
from tests.engine.quiet import NO_SERVICES


@tool
def price(article: str) -> str:
    """What it costs."""
    return f"{article} cost nine"


@tool(on_interruption="finish", seconds=3.0)
async def book(name: str) -> str:
    """Write it down."""
    await trio.sleep(2.0)
    return f"for {name}"


class Desk:
    """A call's scope, and what was posted to it, with the second. It takes all of it at once."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery, self._began = nursery, trio.current_time()
        self.posted: list[tuple[float, Event]] = []
        self.takes = True
        self.workbench = Workbench([price, book], self.post, self.start_soon)

    def post(self, event: Event) -> None:
        self.posted.append((trio.current_time() - self._began, event))
        if self.takes:
            self.workbench.taken(event)

    def start_soon(self, job: Callable[[], Awaitable[None]]) -> None:
        self._nursery.start_soon(job)


def names(toolbox: Toolbox) -> list[str]:
    return [spec.name for spec in toolbox.specs]


async def test_ours_come_first_and_transfers_only_where_there_is_somebody(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        workbench = Desk(nursery).workbench
    assert names(Toolbox()) == ["hang_up"]
    assert names(Toolbox(workbench)) == ["hang_up", "price", "book"]
    assert names(Toolbox(workbench, ["100"])) == ["hang_up", "transfer", "price", "book"]


async def test_ours_end_the_answer_and_say_what_comes_after_it() -> None:
    goodbye = Toolbox()
    assert await goodbye.use("hang_up", "{}") is None
    assert (goodbye.ends_call, goodbye.transfer_to) == (True, "")
    handing_on = Toolbox(transfers=["1XX"])
    assert await handing_on.use("transfer", '{"target": " 100 "}') is None
    assert (handing_on.ends_call, handing_on.transfer_to) == (False, "100")


def test_no_tool_takes_the_name_of_another() -> None:
    @tool
    def transfer() -> None:
        """Ours is called so."""

    for tools in ([price, price], [transfer]):
        with pytest.raises(ToolDeclarationError, match="there is another of that name"):
            replace(NO_SERVICES, tools=tools)


async def test_a_tool_that_there_is_not_is_told() -> None:
    assert await Toolbox().use("price", "{}") == "There is no tool price."


async def test_what_was_done_is_posted_and_counted(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        desk = Desk(nursery)
        toolbox = Toolbox(desk.workbench)
        nails, ada = '{"article": "nails"}', '{"name": "Ada"}'
        assert await toolbox.use("price", nails) == "nails cost nine"
        assert await toolbox.use("price", "{}") != "nails cost nine"
        assert await toolbox.use("book", ada) == "for Ada"
    assert desk.posted == [
        (0.0, ToolFinished(1, "price", nails, "nails cost nine")),
        (0.0, ToolUnderWay(2, "book", ada, 3.0)),
        (2.0, ToolFinished(2, "book", ada, "for Ada")),
    ]


async def test_an_answer_that_is_over_begins_nothing() -> None:
    async with trio.open_nursery() as nursery:
        desk = Desk(nursery)
        with trio.CancelScope() as over:
            over.cancel()
            await Toolbox(desk.workbench).use("book", '{"name": "Ada"}')
        assert over.cancelled_caught
    assert desk.posted == []


async def test_a_use_that_finishes_begins_once_the_call_knows_of_it(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        desk = Desk(nursery)
        desk.takes = False
        with trio.move_on_after(60):
            await Toolbox(desk.workbench).use("book", '{"name": "Ada"}')
        desk.workbench.taken(LineClosed())
        desk.workbench.taken(desk.posted[0][1])
        assert await Toolbox(desk.workbench).use("book", '{"name": "Ada"}') == "for Ada"
        assert trio.current_time() == 62.0


async def test_a_use_that_finishes_outlives_whoever_waits_for_it(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        desk = Desk(nursery)
        with trio.move_on_after(0.5):
            await Toolbox(desk.workbench).use("book", '{"name": "Ada"}')
        # The next answer wants just the same: it waits for that very use.
        assert await Toolbox(desk.workbench).use("book", '{ "name" : "Ada" }') == "for Ada"
        assert trio.current_time() == 2.0
    assert [type(event) for _, event in desk.posted] == [ToolUnderWay, ToolFinished]
