"""A nursery for tasks that serve a block and raise nothing themselves.

It passes an error of the block on unchanged. A plain nursery would wrap it in an exception group of
one, which the caller cannot catch by its class."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_service_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery whose tasks are cancelled when the block ends."""
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
    # Raised outside of the handler: inside, the group would become its context.
    raise alone
