"""The clocks of the command line: real time, and virtual time that jumps over all waiting."""

from __future__ import annotations

import math

from trio.testing import MockClock


class RealClock:
    """Real time. It never jumps, so outside work does not have to hold it."""

    trio_clock: None = None

    def begin(self) -> None:
        """Do nothing: real time does not jump."""

    def end(self) -> None:
        """Do nothing: real time does not jump."""


class HeldClock:
    """Virtual time. It stands still during outside work, and jumps over all other waiting.

    Give `trio_clock` to `trio.run(clock=...)`. Call `begin` before you start work that Trio cannot
    see (a process, a thread, bytes in a socket), and `end` when its result has arrived in a
    variable. Call both from Trio's own thread."""

    def __init__(self) -> None:
        self.trio_clock = MockClock(autojump_threshold=0)
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """The number of pieces of outside work that have begun and not ended."""
        return self._under_way

    def begin(self) -> None:
        """Begin outside work: time stands still from now on."""
        self._under_way += 1
        # Trio reads the threshold before each wait, so this already holds the next one.
        self.trio_clock.autojump_threshold = math.inf

    def end(self) -> None:
        """End outside work: time runs again after the last piece."""
        if not self._under_way:
            raise RuntimeError(
                "HeldClock.end() needs a begin() before it: time would jump over other work"
            )
        self._under_way -= 1
        if not self._under_way:
            self.trio_clock.autojump_threshold = 0
