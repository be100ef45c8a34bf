"""Pings that check whether a silent connection still works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

import trio

#: The longest silence before a ping. With calls, we must notice a dead connection within minutes.
#: Without calls, grpcio's server allows one ping in two hours.
LONGEST_BUSY_SECONDS: Final = 60.0
LONGEST_IDLE_SECONDS: Final = 7200.0


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The times of pings.

    `busy_s` and `idle_s` are the silence before a ping, with and without calls. `answer_s` is the
    time limit for the answer to a ping.

    A dead connection is detected after the silence and the time limit, so both are short. A server
    may refuse a client that sends many pings (grpcio: at the fourth in a row without data in
    between). The client then continues with `calmer` times."""

    busy_s: float = 10.0
    idle_s: float = 30.0
    answer_s: float = 5.0

    def calmer(self) -> Self:
        """Return twice the silence before a ping, up to the longest."""
        return replace(
            self,
            busy_s=min(self.busy_s * 2, LONGEST_BUSY_SECONDS),
            idle_s=min(self.idle_s * 2, LONGEST_IDLE_SECONDS),
        )


KEEPALIVE: Final = Keepalive()


class Pulse:
    """The moment of the last bytes from a server, and the ping that waits for an answer."""

    def __init__(self, keepalive: Keepalive) -> None:
        self._keepalive = keepalive
        self._heard_at_s = trio.current_time()
        self._opened, self._answer = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    @property
    def is_in_doubt(self) -> bool:
        """True while a ping waits for its answer."""
        return bool(self._answer)

    def note_bytes(self) -> None:
        """Note that bytes of any kind have arrived."""
        self._heard_at_s = trio.current_time()
        self._answer.unpark_all()

    def note_call(self) -> None:
        """Note that a call has begun: the shorter silence applies now."""
        self._opened.unpark_all()

    async def wait_lost(self, is_busy: Callable[[], bool], ping: Callable[[], None]) -> float:
        """Ping after each silence until an answer is late. Return the seconds of silence."""
        while True:
            silence_s = self._keepalive.busy_s if is_busy() else self._keepalive.idle_s
            if (due_s := self._heard_at_s + silence_s) > trio.current_time():
                with trio.move_on_at(due_s):
                    await self._opened.park()
                continue
            asked_s = trio.current_time()
            ping()
            with trio.move_on_after(self._keepalive.answer_s):
                await self._answer.park()
            if self._heard_at_s < asked_s:
                return trio.current_time() - self._heard_at_s
