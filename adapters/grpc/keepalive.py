"""Pings that check whether a silent connection still works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

import trio

#: The longest intervals between pings, in seconds. With calls, a dead connection must be noticed
#: within minutes. Without calls, grpcio's server allows one ping in two hours.
RAREST_BUSY: Final = 60.0
RAREST_IDLE: Final = 7200.0


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The times of pings, in seconds.

    `busy` and `idle` are the silence before a ping, with calls and without. `answer` is the time
    limit for the answer to a ping.

    A dead connection is detected after the sum of the two, so they are short. Servers refuse
    clients that send many pings (grpcio: at the fourth in a row without data in between); such a
    client goes on with `calmer` settings."""

    busy: float = 10.0
    idle: float = 30.0
    answer: float = 5.0

    def calmer(self) -> Self:
        """Return intervals twice as long, up to the longest ones."""
        busy, idle = min(self.busy * 2, RAREST_BUSY), min(self.idle * 2, RAREST_IDLE)
        return replace(self, busy=busy, idle=idle)


KEEPALIVE: Final = Keepalive()


class Pulse:
    """The moment of the last bytes from a server, and the ping that waits for an answer."""

    def __init__(self, keepalive: Keepalive) -> None:
        self._keepalive = keepalive
        self._heard_at = trio.current_time()
        self._opened, self._answer = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    @property
    def is_in_doubt(self) -> bool:
        """True while a ping waits for its answer."""
        return bool(self._answer)

    def heard(self) -> None:
        """Note that bytes of any kind have arrived."""
        self._heard_at = trio.current_time()
        self._answer.unpark_all()

    def busy(self) -> None:
        """Note that a call began: the shorter interval applies now."""
        self._opened.unpark_all()

    async def lost(self, is_busy: Callable[[], bool], ping: Callable[[], None]) -> float:
        """Ping until an answer is missing, and return the seconds of silence."""
        while True:
            patience = self._keepalive.busy if is_busy() else self._keepalive.idle
            if (due := self._heard_at + patience) > trio.current_time():
                with trio.move_on_at(due):
                    await self._opened.park()
                continue
            asked = trio.current_time()
            ping()
            with trio.move_on_after(self._keepalive.answer):
                await self._answer.park()
            if self._heard_at < asked:
                return trio.current_time() - self._heard_at
