"""How a process of ours is stopped: by a signal gently, by a second one at once."""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio

log = logging.getLogger("callchart")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """What was asked for so far: to stop (`asked`), or to stop `at_once`."""

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.at_once = trio.CancelScope()
        self._is_serving = False

    @contextmanager
    def serving(self) -> Iterator[None]:
        """A block with calls. Before it there is nothing to be gentle to; from now on a stop at
        once ends this block alone: what is around it still has to end the calls."""
        self._is_serving = True
        with trio.CancelScope() as self.at_once:
            yield

    def ask(self) -> None:
        """The first time gently; the second time, and before there are calls, at once."""
        if self.asked.is_set() or not self._is_serving:
            self.at_once.cancel()
        self.asked.set()

    async def on_signals(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            log.info("%s received", signal.Signals(number).name)
            self.ask()


@asynccontextmanager
async def stopped_by_signals() -> AsyncIterator[Stop]:
    """A block that signals stop; a stop at once ends it, and nothing is raised."""
    stop = Stop()
    with trio.open_signal_receiver(*SIGNALS) as signals, stop.at_once:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop.on_signals, signals)
            yield stop
            nursery.cancel_scope.cancel()
