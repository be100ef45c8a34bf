"""A ledger of the work that adapters do outside of Trio, such as in threads."""

from __future__ import annotations

import trio


class WorkLedger:
    """A counter of `begin` and `end`. An `end` without a `begin` fails immediately."""

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
        """Wait until no work is under way."""
        while self.under_way:
            self._idle = trio.Event()
            await self._idle.wait()
