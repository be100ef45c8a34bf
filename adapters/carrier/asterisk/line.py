"""One call's leg as the engine sees it: commands out, signals in, audio both ways.

Theory of operation. The line itself never waits for Asterisk. An audio command goes straight to the
call's media. A control command becomes an order, and the call's scope (call.py) carries out the
orders one after the other. The channel's events come back as signals, the last of them `Closed`.
Until we have picked up, the line queues playback and drops the caller's audio."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import trio

from callchart.adapters.carrier.asterisk.media.media import Media
from callchart.adapters.carrier.asterisk.recorder import CallRecorder
from callchart.engine.data import Parties
from callchart.engine.ports import Closed, LineGone, MarkReached, Signal, frame_bytes


@dataclass(frozen=True, slots=True)
class PickUp:
    """Order: answer the channel, or play to it as early media."""


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Order: press keys."""

    digits: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Order: send the other side to `target`."""

    target: str


LineOrder = PickUp | SendDigits | Transfer


class AsteriskLine:
    """The `callchart.engine.ports.Line` of one channel."""

    def __init__(
        self, call_id: str, parties: Parties, rate_hz: int, recorder: CallRecorder | None = None
    ) -> None:
        self.call_id, self.parties, self.rate_hz = call_id, parties, rate_hz
        self._recorder = recorder
        self._media: Media
        self._orders, self.orders = trio.open_memory_channel[LineOrder](math.inf)
        self._picked_up = self._heard = False
        #: Playback and marks that wait for the pick-up.
        self._waiting: list[bytes | int] = []
        self._signals: deque[Signal] = deque()
        self._signalled = trio.lowlevel.ParkingLot()
        #: The hangup reason, in ARI's words.
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
        """Append whole frames. A partial one raises `ValueError`: Asterisk would drop it."""
        if len(pcm) % frame_bytes(self.rate_hz):
            size = frame_bytes(self.rate_hz)
            raise ValueError(f"pcm must be whole frames of {size} bytes, got {len(pcm)} bytes")
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

    async def receive_audio(self) -> bytes:
        while not self._over:
            pcm = await self._media.receive_audio()
            if self._heard:
                if self._recorder:
                    self._recorder.record_caller(pcm)
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
        """Use `media` for the line's audio."""
        self._media = media

    def reached(self, mark: int) -> None:
        """Signal a mark: the caller has heard all playback before it."""
        self.deliver_signal(MarkReached(mark))

    def picked_up(self) -> None:
        """Start the audio: send the queued playback to the media."""
        self._picked_up = self._heard = True
        if self._recorder:
            self._recorder.start()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if isinstance(each, int):
                self._media.mark(each)
            else:
                self._play(each)

    def deliver_signal(self, signal: Signal) -> None:
        """Queue a signal for the engine."""
        if not self._closed.is_set():
            self._signals.append(signal)
            self._signalled.unpark_all()

    def close(self) -> None:
        """Deliver `Closed`, and end all waits: the channel is gone."""
        if not self._closed.is_set():
            self.deliver_signal(Closed())
            self._hung_up.set()
            self._closed.set()
            self._signalled.unpark_all()

    def refuse(self) -> None:
        """Hang up as busy."""
        self.reason = "busy"
        self.hang_up()

    async def hung_up(self) -> None:
        """Wait until our side hangs up."""
        await self._hung_up.wait()

    @property
    def _over(self) -> bool:
        return self._hung_up.is_set()

    def _play(self, pcm: bytes) -> None:
        self._media.play(pcm)
        if self._recorder:
            self._recorder.record_agent(pcm)

    def _gone(self) -> LineGone:
        return LineGone(f"call {self.call_id}: the line is closed")
