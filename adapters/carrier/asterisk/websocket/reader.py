"""trio-websocket's reader, kept by itself: it lets through what the libraries below it raise.

They raise at a peer that breaks the rules of HTTP, or whose ping crosses our close. In a nursery
that the reader shared with others, that would be the end of all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import h11
import trio
from wsproto.utilities import ProtocolError

from callchart.adapters.carrier.asterisk.service_nursery import background

Opened = TypeVar("Opened")

#: UnicodeError: of a header that is not ASCII.
RULES_BROKEN: Final = (h11.ProtocolError, ProtocolError, UnicodeError)


class NoHandshake(Exception):
    """What the peer said first is no part of a WebSocket."""


async def read(
    wrap: Callable[[trio.Nursery], Awaitable[Opened]], *, task_status: trio.TaskStatus[Opened]
) -> None:
    """Run the reader of what `wrap` opens, which is told to `task_status`, until cancelled.

    Raises `NoHandshake`, and what `wrap` and the reader do until it is open. When a peer breaks
    the rules later, the socket is one whose connection broke."""
    is_open = False
    try:
        async with background() as nursery:
            task_status.started(await wrap(nursery))
            is_open = True
            await trio.sleep_forever()
    except RULES_BROKEN:
        if not is_open:
            raise NoHandshake from None
