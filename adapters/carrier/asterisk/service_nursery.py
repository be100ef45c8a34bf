"""A nursery for tasks that serve a block and raise nothing themselves.

An error of the block leaves it as it is: a nursery would put it into a group of one, in which
whoever called cannot catch it by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def background() -> AsyncIterator[trio.Nursery]:
    """Its tasks are cancelled when the block ends."""
    alone: BaseException
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
            nursery.cancel_scope.cancel()
        return
    except BaseExceptionGroup as group:
        if len(group.exceptions) != 1:
            raise
        alone = group.exceptions[0]
    # Outside of the handler: there, the group would become its context.
    raise alone
