"""When a silent connection is asked whether it is still there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

import trio

#: Seconds. However calm, a call must not hang for minutes; without calls nobody waits, and grpcio's
#: server wants two hours.
RAREST_BUSY: Final = 60.0
RAREST_IDLE: Final = 7200.0


@dataclass(frozen=True, slots=True)
class Keepalive:
    """Seconds of silence before a ping, while there are calls and while there are none, and seconds
    that its answer may take.

    A call is given up as late as the two together, so they are short. Servers count pings against
    those who send many (grpcio's: the fourth in a row that no data come between): `calmer` is what
    one who was told so does from then on."""

    busy: float = 10.0
    idle: float = 30.0
    answer: float = 5.0

    def calmer(self) -> Self:
        busy, idle = min(self.busy * 2, RAREST_BUSY), min(self.idle * 2, RAREST_IDLE)
        return replace(self, busy=busy, idle=idle)


KEEPALIVE: Final = Keepalive()


class Pulse:
    """When one connection was heard, and whether it is asked."""

    def __init__(self, keepalive: Keepalive) -> None:
        self._keepalive = keepalive
        self._heard_at = trio.current_time()
        self._opened, self._answer = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    @property
    def is_in_doubt(self) -> bool:
        """Whether a ping waits for its answer."""
        return bool(self._answer)

    def heard(self) -> None:
        """The server said something, no matter what."""
        self._heard_at = trio.current_time()
        self._answer.unpark_all()

    def busy(self) -> None:
        """A call opened: from now on there is less patience."""
        self._opened.unpark_all()

    async def lost(self, is_busy: Callable[[], bool], ping: Callable[[], None]) -> float:
        """Ping in good time, until there is no answer; seconds of silence until then."""
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
