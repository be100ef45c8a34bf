"""The stop of a process: the first signal is gentle, the second immediate."""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio

log = logging.getLogger("callchart")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """The requests so far: a gentle stop (`asked`), or an immediate one (`at_once`)."""

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.at_once = trio.CancelScope()
        self._is_serving = False

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Mark a block with calls. Before it, every stop is immediate.

        Within it, an immediate stop cancels this block only: the code around it then hangs up."""
        self._is_serving = True
        with trio.CancelScope() as self.at_once:
            yield

    def ask(self) -> None:
        """Stop gently the first time. Stop immediately the second time, or before any call."""
        if self.asked.is_set() or not self._is_serving:
            self.at_once.cancel()
        self.asked.set()

    async def on_signals(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            log.info("%s received", signal.Signals(number).name)
            self.ask()


@asynccontextmanager
async def stopped_by_signals() -> AsyncIterator[Stop]:
    """Yield the stop that signals trigger. An immediate stop ends the block without an error."""
    stop = Stop()
    with trio.open_signal_receiver(*SIGNALS) as signals, stop.at_once:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop.on_signals, signals)
            yield stop
            nursery.cancel_scope.cancel()
