"""A call's line, as the engine uses it: commands to Asterisk, signals back, audio both ways.

Theory of operation. A command never waits for Asterisk. The line passes audio commands to the
call's media. It queues control commands as orders, and the call (call.py) carries out one after
the other. The channel's events become signals; `Closed` is the last. Until we have picked up, the
line queues playback and drops the caller's audio."""

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
    """The order to answer the channel, or to begin early media."""


@dataclass(frozen=True, slots=True)
class SendDigits:
    """The order to press keys."""

    digits: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """The order to transfer the other side to `target`."""

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
        self._picked_up = self._has_audio = False
        #: Playback and marks from before we have picked up.
        self._waiting: list[bytes | int] = []
        self._signals: deque[Signal] = deque()
        self._signalled = trio.lowlevel.ParkingLot()
        #: The hangup reason, in ARI's words.
        self.reason = "normal"
        self._hung_up = trio.Event()
        self._closed = trio.Event()

    # --- the engine's side: callchart.engine.ports.Line -----------------------------------

    def answer(self) -> None:
        if not self._picked_up and not self._is_hung_up:
            self._picked_up = True
            self._orders.send_nowait(PickUp())

    def hang_up(self) -> None:
        self._hung_up.set()

    def play(self, pcm: bytes) -> None:
        """Append whole frames. A partial one raises `ValueError`: Asterisk would drop it."""
        if len(pcm) % frame_bytes(self.rate_hz):
            size = frame_bytes(self.rate_hz)
            raise ValueError(f"pcm must be whole frames of {size} bytes, got {len(pcm)} bytes")
        if self._is_hung_up:
            return
        if self._has_audio:
            self._play(pcm)
        else:
            self._waiting.append(pcm)

    def mark(self, mark: int) -> None:
        if self._is_hung_up:
            return
        if self._has_audio:
            self._media.mark(mark)
        else:
            self._waiting.append(mark)

    def flush(self) -> None:
        self._waiting.clear()
        if not self._is_hung_up:
            self._media.flush()
        if self._recorder:
            self._recorder.flush()

    def send_digits(self, digits: str) -> None:
        if not self._is_hung_up:
            self._orders.send_nowait(SendDigits(digits))

    def transfer(self, target: str) -> None:
        if not self._is_hung_up:
            self._orders.send_nowait(Transfer(target))

    async def receive_audio(self) -> bytes:
        while not self._is_hung_up:
            pcm = await self._media.receive_audio()
            if self._has_audio:
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
        """Signal that the caller has heard all playback before the mark."""
        self.deliver_signal(MarkReached(mark))

    def picked_up(self) -> None:
        """Start the audio: send the queued playback to the media."""
        self._picked_up = self._has_audio = True
        if self._recorder:
            self._recorder.start()
        waiting, self._waiting = self._waiting, []
        for audio_or_mark in waiting:
            if isinstance(audio_or_mark, int):
                self._media.mark(audio_or_mark)
            else:
                self._play(audio_or_mark)

    def deliver_signal(self, signal: Signal) -> None:
        """Queue a signal for the engine."""
        if not self._closed.is_set():
            self._signals.append(signal)
            self._signalled.unpark_all()

    def close(self) -> None:
        """Deliver `Closed` and end all waits, after the channel is gone."""
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
    def _is_hung_up(self) -> bool:
        return self._hung_up.is_set()

    def _play(self, pcm: bytes) -> None:
        self._media.play(pcm)
        if self._recorder:
            self._recorder.record_agent(pcm)

    def _gone(self) -> LineGone:
        return LineGone(f"call {self.call_id}: the line is closed")
