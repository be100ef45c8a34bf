"""The supervisor of calls, with the chart, settings, scripts and journals of a configuration."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from callchart.adapters.service.config import Config
from callchart.adapters.service.run.journals import JournalFolder
from callchart.engine.call import Inspector
from callchart.engine.scene import Services
from callchart.engine.supervisor import Supervisor


@asynccontextmanager
async def open_supervisor(
    config: Config,
    services: Services,
    inspectors: Sequence[Inspector],
    failed: Callable[[str, BaseException], None] = lambda call_id, error: None,
) -> AsyncIterator[Supervisor]:
    """Yield the supervisor. Within the block, a task removes old journals.

    Raise `UserError`."""
    journals = JournalFolder(config.journal) if config.journal else None
    async with trio.open_nursery() as nursery:
        if journals:
            nursery.start_soon(journals.sweep)
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
