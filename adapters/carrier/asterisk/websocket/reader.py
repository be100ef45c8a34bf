"""The task of trio-websocket that reads a socket, in a nursery of its own.

The task raises errors of h11 and wsproto if the peer breaks the rules of HTTP, or if its ping
crosses our close. In a shared nursery such an error would cancel all other tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import h11
import trio
from wsproto.utilities import ProtocolError

from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery

Opened = TypeVar("Opened")

#: The errors for a peer that breaks the rules; UnicodeError is for a header that is not ASCII.
RULES_BROKEN: Final = (h11.ProtocolError, ProtocolError, UnicodeError)


class HandshakeFailed(Exception):
    """The peer's first bytes are not a WebSocket handshake."""


async def run_reader(
    wrap: Callable[[trio.Nursery], Awaitable[Opened]], *, task_status: trio.TaskStatus[Opened]
) -> None:
    """Open a socket with `wrap`, pass it to `task_status`, and read from it until cancelled.

    Raises `HandshakeFailed` and the errors of `wrap` before the socket is open. If the peer breaks
    the rules later, the socket ends as if the connection had broken."""
    is_open = False
    try:
        async with open_service_nursery() as nursery:
            task_status.started(await wrap(nursery))
            is_open = True
            await trio.sleep_forever()
    except RULES_BROKEN:
        if not is_open:
            raise HandshakeFailed from None
