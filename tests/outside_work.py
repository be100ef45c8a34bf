"""A ledger of the work that adapters say is under way outside of Trio's sight."""

from __future__ import annotations

import trio


class WorkLedger:
    """Counts `begin` and `end`; an `end` without its `begin` fails there and then."""

    def __init__(self) -> None:
        self.began = 0
        self.under_way = 0
        self._idle = trio.Event()

    def begin(self) -> None:
        self.began += 1
        self.under_way += 1

    def end(self) -> None:
        assert self.under_way > 0
        self.under_way -= 1
        if self.under_way == 0:
            self._idle.set()

    async def idle(self) -> None:
        """Until no work is under way."""
        while self.under_way:
            self._idle = trio.Event()
            await self._idle.wait()
