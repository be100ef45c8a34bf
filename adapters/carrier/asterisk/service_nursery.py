"""A nursery for tasks that serve a block and raise nothing themselves.

The nursery passes an error of the block on unchanged. A plain nursery would wrap the error in an
exception group of one, and the caller could not catch it by its class."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_service_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery whose tasks are cancelled when the block ends."""
    error: BaseException
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
            nursery.cancel_scope.cancel()
        return
    except BaseExceptionGroup as group:
        if len(group.exceptions) != 1:
            raise
        error = group.exceptions[0]
    # Raise outside of the handler: inside, the group would become the error's context.
    raise error
