"""When a silent connection is asked whether it is still there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self


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
        return replace(self, busy=self.busy * 2, idle=self.idle * 2)


KEEPALIVE: Final = Keepalive()
