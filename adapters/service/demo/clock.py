"""The clocks that the command line runs on: the real one, and one that jumps over all waiting."""

from __future__ import annotations

import math

from trio.testing import MockClock


class RealClock:
    """Real time. Work outside goes on beside it, so nothing has to be held."""

    trio_clock: None = None

    def begin(self) -> None:
        """Nothing: real time does not jump."""

    def end(self) -> None:
        """Nothing: real time does not jump."""


class HeldClock:
    """Virtual time: stands still while work outside is under way, jumps over waiting otherwise.

    Give `trio_clock` to `trio.run(clock=...)`. Whoever starts work that Trio cannot see (a process,
    a thread, bytes in a socket) says `begin` first, and `end` when its outcome is here: in a
    variable, not merely on its way. `begin` and `end` belong to Trio's own thread."""

    def __init__(self) -> None:
        self.trio_clock = MockClock(autojump_threshold=0)
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """How many pieces of work outside have begun and not ended."""
        return self._under_way

    def begin(self) -> None:
        """Work outside begins; time stands still from now on."""
        self._under_way += 1
        # Trio reads the threshold anew before each of its waits, so this holds the very next one.
        self.trio_clock.autojump_threshold = math.inf

    def end(self) -> None:
        """Work outside has ended; time runs again when it was the last."""
        if not self._under_way:
            raise RuntimeError("HeldClock.end() without a begin(): time would jump over other work")
        self._under_way -= 1
        if not self._under_way:
            self.trio_clock.autojump_threshold = 0
