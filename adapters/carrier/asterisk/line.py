"""One call's leg as the engine sees it: commands out, signals in, sound both ways.

Theory of operation. The line itself never waits for Asterisk. A command of sound goes straight to
the call's media; one of control is put down as an order, which the call's scope (call.py) carries
out one after the other. What happens to the channel comes back as signals, of which `Closed` is
the last. Until we have picked up, sound waits here, and what the caller says is not heard."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import trio

from callchart.adapters.carrier.asterisk.media.media import Media
from callchart.adapters.carrier.asterisk.recorder import Recorder
from callchart.engine.data import Parties
from callchart.engine.ports import Closed, LineGone, MarkReached, Signal, frame_bytes


@dataclass(frozen=True, slots=True)
class PickUp:
    """Order: answer the channel, or let it hear us without."""


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Order: press keys."""

    digits: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Order: hand the other side on."""

    target: str


Order = PickUp | SendDigits | Transfer


class AsteriskLine:
    """`callchart.engine.ports.Line` of one channel."""

    def __init__(
        self, call_id: str, parties: Parties, rate_hz: int, recorder: Recorder | None = None
    ) -> None:
        self.call_id, self.parties, self.rate_hz = call_id, parties, rate_hz
        self._recorder = recorder
        self._media: Media
        self._orders, self.orders = trio.open_memory_channel[Order](math.inf)
        self._picked_up = self._heard = False
        #: What was played and marked before we were heard.
        self._waiting: list[bytes | int] = []
        self._signals: deque[Signal] = deque()
        self._signalled = trio.lowlevel.ParkingLot()
        #: How the channel is hung up, in ARI's words.
        self.reason = "normal"
        self._hung_up = trio.Event()
        self._closed = trio.Event()

    # --- the engine's side: callchart.engine.ports.Line -----------------------------------

    def answer(self) -> None:
        if not self._picked_up and not self._over:
            self._picked_up = True
            self._orders.send_nowait(PickUp())

    def hang_up(self) -> None:
        self._hung_up.set()

    def play(self, pcm: bytes) -> None:
        """Append whole frames; a partial one raises `ValueError`: Asterisk would drop it."""
        if len(pcm) % frame_bytes(self.rate_hz):
            raise ValueError(f"{len(pcm)} bytes are no whole frames at {self.rate_hz} Hz")
        if self._over:
            return
        if self._heard:
            self._play(pcm)
        else:
            self._waiting.append(pcm)

    def mark(self, mark: int) -> None:
        if self._over:
            return
        if self._heard:
            self._media.mark(mark)
        else:
            self._waiting.append(mark)

    def flush(self) -> None:
        self._waiting.clear()
        if not self._over:
            self._media.flush()
        if self._recorder:
            self._recorder.flush()

    def send_digits(self, digits: str) -> None:
        if not self._over:
            self._orders.send_nowait(SendDigits(digits))

    def transfer(self, target: str) -> None:
        if not self._over:
            self._orders.send_nowait(Transfer(target))

    async def hear(self) -> bytes:
        while not self._over:
            pcm = await self._media.hear()
            if self._heard:
                if self._recorder:
                    self._recorder.hear(pcm)
                return pcm
        raise self._gone()

    async def signal(self) -> Signal:
        if self._signals or self._closed.is_set():
            await trio.lowlevel.checkpoint()
        while not (self._signals or self._closed.is_set()):
            await self._signalled.park()
        if not self._signals:
            raise self._gone()
        return self._signals.popleft()

    # --- the call's side ------------------------------------------------------------------------

    def connect(self, media: Media) -> None:
        """The path of sound is open."""
        self._media = media

    def reached(self, mark: int) -> None:
        """The media's mark: all before it was heard."""
        self.tell(MarkReached(mark))

    def picked_up(self) -> None:
        """The other side hears us from now on."""
        self._picked_up = self._heard = True
        if self._recorder:
            self._recorder.begin()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if isinstance(each, int):
                self._media.mark(each)
            else:
                self._play(each)

    def tell(self, signal: Signal) -> None:
        """Something happened to the channel."""
        if not self._closed.is_set():
            self._signals.append(signal)
            self._signalled.unpark_all()

    def close(self) -> None:
        """The channel is gone: nothing happens any more."""
        if not self._closed.is_set():
            self.tell(Closed())
            self._hung_up.set()
            self._closed.set()
            self._signalled.unpark_all()

    def refuse(self) -> None:
        """Nobody takes the call."""
        self.reason = "busy"
        self.hang_up()

    async def hung_up(self) -> None:
        """Wait until we want the call to end."""
        await self._hung_up.wait()

    @property
    def _over(self) -> bool:
        return self._hung_up.is_set()

    def _play(self, pcm: bytes) -> None:
        self._media.play(pcm)
        if self._recorder:
            self._recorder.play(pcm)

    def _gone(self) -> LineGone:
        return LineGone(f"call {self.call_id}: the line is closed")
