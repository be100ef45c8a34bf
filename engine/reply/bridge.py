"""The bridge over a silence: while the model thinks, the agent asks for a moment."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from callchart.engine.reply.composition import Composition, TextPhase


class SilenceBridge:
    """Calls `ask` whenever the caller has heard nothing for `longest_silence_s` seconds.

    It is open while the model begins an answer, and while a tool runs. `count` is the number of
    calls of `ask`."""

    def __init__(
        self,
        composition: Composition,
        longest_silence_s: float,
        ask: Callable[[], None],
        nursery: trio.Nursery,
    ) -> None:
        self._composition, self._longest_silence_s = composition, longest_silence_s
        self._ask, self._nursery = ask, nursery
        self._watch = trio.CancelScope()
        self.count = 0

    def open(self, for_s: float = math.inf) -> None:
        """Watch the silence from now on, for `for_s` seconds. This ends an earlier watch."""
        composition = self._composition
        if not composition.chunks and composition.silent_since_s is None:
            composition.silent_since_s = trio.current_time()
        self._watch.cancel()
        self._watch = trio.CancelScope(deadline=trio.current_time() + for_s)
        self._nursery.start_soon(self._run, self._watch)

    def close(self, after_s: float | None = None) -> None:
        """End the watch, immediately or after `after_s` seconds."""
        if after_s is None:
            self._watch.cancel()
        else:
            self._watch.deadline = trio.current_time() + after_s

    async def _run(self, watch: trio.CancelScope) -> None:
        composition = self._composition
        with watch:
            if not composition.confirmed.is_set():
                # A draft bridges no silence: the caller may still be speaking.
                await composition.confirmed.wait()
                if not composition.chunks:
                    composition.silent_since_s = trio.current_time()
            while composition.phase is not TextPhase.FAILED:
                since_s = composition.silent_since_s
                begin_s = trio.current_time() if since_s is None else since_s
                await trio.sleep_until(begin_s + self._longest_silence_s)
                if since_s is not None and composition.silent_since_s == since_s:
                    self.count += 1
                    self._ask()
