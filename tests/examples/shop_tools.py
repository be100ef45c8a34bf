"""Tools of a shop's bot: look up opening hours, and set articles aside for a caller."""

from typing import Literal

import trio

from callchart import ToolError, tool

HOURS = {"weekday": "from nine to six", "Saturday": "from nine to four"}
BOOK = trio.Path("set-aside.txt")


@tool
async def opening_hours(day: Literal["weekday", "Saturday", "Sunday"]) -> str:
    """Return when the shop is open."""
    return HOURS.get(day, "closed")


@tool(seconds=3.0, on_interruption="finish")
async def set_aside(article: str, name: str, pieces: int = 1) -> str:
    """Keep something in the shop for the caller, under their name."""
    if pieces > 5:
        raise ToolError("not more than five of anything")
    async with await BOOK.open("a") as book:
        await book.write(f"{pieces} {article} for {name}\n")
    return "it is set aside until tomorrow"


TOOLS = [opening_hours, set_aside]
