"""A supervisor with all that its configuration names: providers, scripts, journals."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from adapters.service.config import Config
from adapters.service.journals import JournalFolder
from adapters.service.providers import open_services
from engine.call import Inspector
from engine.supervisor import Supervisor


@asynccontextmanager
async def open_supervisor(
    config: Config,
    inspectors: Sequence[Inspector],
    failed: Callable[[str, BaseException], None] = lambda call_id, error: None,
) -> AsyncIterator[Supervisor]:
    """Ready for the first call. Old journals are removed for as long as the block.

    Raises OSError, and `ProviderError` in a group."""
    journals = JournalFolder(config.journal) if config.journal else None
    async with trio.open_nursery() as nursery:
        if journals:
            nursery.start_soon(journals.sweep)
        async with open_services(
            config.speech, config.model, config.scripts, config.asterisk.rate_hz
        ) as services:
            yield Supervisor(
                config.chart,
                services,
                config.settings,
                config.scripts,
                seed=random.getrandbits(32),
                journal=journals.open if journals else lambda call_id: None,
                inspectors=inspectors,
                redacted=config.journal is None or config.journal.redacted,
                failed=failed,
            )
        nursery.cancel_scope.cancel()
