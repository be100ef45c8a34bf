"""The minimum that a `Call` needs: a line without sound, and no services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import trio

from callchart.engine.data import Parties
from callchart.engine.ports import Closed, LineGone, Signal
from callchart.engine.scene import Services


class QuietLine:
    """A line that notes each command with its time, and sends the signals of a test."""

    def __init__(
        self, rate_hz: int = 16000, *, now: Callable[[], float] = trio.current_time
    ) -> None:
        self.rate_hz, self.call_id, self._now = rate_hz, "a call", now
        self.parties = Parties()
        #: (seconds, text) of each command, and of each note of a test's effects.
        self.noted: list[tuple[float, str]] = []
        self.played = bytearray()
        self.marks: list[int] = []
        self._say, self._signals = trio.open_memory_channel[Signal](64)

    def note(self, text: str) -> None:
        self.noted.append((self._now(), text))

    @property
    def notes(self) -> list[str]:
        return [text for _, text in self.noted]

    def send_signal(self, signal: Signal) -> None:
        """Send a signal of the other side."""
        self._say.send_nowait(signal)

    def answer(self) -> None:
        self.note("answer")

    def hang_up(self) -> None:
        self.note("hang up")
        self.send_signal(Closed())

    def play(self, pcm: bytes) -> None:
        self.note("play")
        self.played += pcm

    def mark(self, mark: int) -> None:
        self.note("mark")
        self.marks.append(mark)

    def flush(self) -> None:
        self.note("flush")

    def send_digits(self, digits: str) -> None:
        self.note(f"press {digits}")

    def transfer(self, target: str) -> None:
        self.note(f"transfer to {target}")

    async def receive_audio(self) -> bytes:
        await trio.sleep_forever()

    async def signal(self) -> Signal:
        try:
            return await self._signals.receive()
        except trio.EndOfChannel:
            raise LineGone from None

    def vanish(self) -> None:
        """Close the line without a signal."""
        self._say.close()


NO_SERVICES = Services(*[cast(Any, None)] * 5)
