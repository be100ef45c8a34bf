"""A line without a network: it behaves as Asterisk's chan_websocket media does, on any clock.

One task ticks at absolute 20 ms deadlines. Each tick ends one frame's time and begins the next:
what was on the air is now heard, the caller's frame of that time is now ours, and the next frame
of the playback queue goes on the air.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

import numpy as np
import trio

from callchart.adapters.carrier.audio_file import Recording
from callchart.engine.data import Parties
from callchart.engine.ports import (
    Closed,
    LineGone,
    MarkReached,
    RemoteHungUp,
    Signal,
    TransferRefused,
    frame_bytes,
)

FRAMES_PER_SECOND: Final = 50

#: Asterisk's chan_websocket holds 1000 frames (20 s) and drops the excess.
QUEUE_FRAMES: Final = 1000

#: A caller gives up when nobody answers; networks commonly let a phone ring for 30 to 60 s.
RINGING_FRAMES: Final = 30 * FRAMES_PER_SECOND


class Caller(Protocol):
    """The person at the other end, frame by frame from the moment the line is answered."""

    @property
    def rate_hz(self) -> int:
        """Samples a second, both ways; 8000 or 16000."""
        ...

    def speak(self, heard: bytes) -> bytes | None:
        """The caller's next frame, or None to hang up, given the frame heard meanwhile."""
        ...


class WavLine:
    """`callchart.engine.ports.Line` to a scripted caller.

    Before `answer()` nothing is heard on either side and playback waits in its queue. After the
    line has closed, commands are without effect. `dropped_frames` counts what a full queue
    refused."""

    def __init__(self, caller: Caller, call_id: str = "wav") -> None:
        self.dropped_frames = 0
        self._caller = caller
        self._rate_hz = caller.rate_hz
        self._call_id = call_id
        self._frame_bytes = frame_bytes(caller.rate_hz)
        self._silence = bytes(self._frame_bytes)
        self._answered = False
        self._closed = False
        self._ticking = trio.CancelScope()

        self._queue: deque[bytes] = deque()
        self._on_air: bytes | None = None
        # A mark stands at the number of frames that must have been heard when it is reached.
        self._marks: deque[tuple[int, int]] = deque()
        self._accepted = 0
        self._heard = 0

        self._unheard = bytearray()  # of the caller, by hear()
        self._hearers = trio.lowlevel.ParkingLot()
        self._signals: deque[Signal] = deque()
        self._signalled = trio.lowlevel.ParkingLot()

        self._caller_side = bytearray()
        self._agent_side = bytearray()

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def call_id(self) -> str:
        return self._call_id

    @property
    def parties(self) -> Parties:
        """Nobody has a number here."""
        return Parties()

    @property
    def recording(self) -> Recording:
        """What both sides said so far; its first sample is of the moment the line began to run."""
        return Recording(
            self._rate_hz,
            np.frombuffer(bytes(self._caller_side), "<i2"),
            np.frombuffer(bytes(self._agent_side), "<i2"),
        )

    async def run(self) -> None:
        """Tick until the line closes. After a stall the missed ticks follow at once, in order."""
        began = trio.current_time()
        try:
            with self._ticking:
                ticks = 0
                while True:
                    ticks += 1
                    # A quotient: a sum of 0.02s drifts away from the deadlines of others.
                    await trio.sleep_until(began + ticks / FRAMES_PER_SECOND)
                    self._tick(ticks)
        finally:
            self._close()

    def answer(self) -> None:
        self._answered = True

    def hang_up(self) -> None:
        self._close()

    def play(self, pcm: bytes) -> None:
        """Append whole frames; a partial one raises `ValueError`, as Asterisk would drop it."""
        if self._closed:
            return
        if len(pcm) % self._frame_bytes:
            raise ValueError(f"{len(pcm)} bytes are no whole frames of {self._frame_bytes}")
        room = (QUEUE_FRAMES - len(self._queue)) * self._frame_bytes
        self._queue.extend(
            pcm[at : at + self._frame_bytes]
            for at in range(0, min(len(pcm), room), self._frame_bytes)
        )
        self._accepted += min(len(pcm), room) // self._frame_bytes
        self.dropped_frames += max(len(pcm) - room, 0) // self._frame_bytes

    def mark(self, mark: int) -> None:
        if self._closed:
            return
        self._marks.append((self._accepted, mark))

    def flush(self) -> None:
        """Drop queue and marks. The frame on the air is heard to its end: it has been sent."""
        self._accepted -= len(self._queue)
        self._queue.clear()
        self._marks.clear()

    def send_digits(self, digits: str) -> None:
        """Nobody is there to hear them: a WAV file has no keys."""

    def transfer(self, target: str) -> None:
        if not self._closed:
            self._post(TransferRefused("this line leads nowhere else"))

    async def hear(self) -> bytes:
        """All that came since the last time. Cancelling it loses nothing."""
        if self._closed or self._unheard:
            await trio.lowlevel.checkpoint()
        while not (self._closed or self._unheard):
            await self._hearers.park()
        if self._closed:
            raise self._gone()
        pcm = bytes(self._unheard)
        self._unheard.clear()
        return pcm

    async def signal(self) -> Signal:
        if self._closed or self._signals:
            await trio.lowlevel.checkpoint()
        while not (self._closed or self._signals):
            await self._signalled.park()
        if not self._signals:
            raise self._gone()
        return self._signals.popleft()

    def _tick(self, ticks: int) -> None:
        said, heard = self._silence, self._on_air or self._silence
        if self._answered:
            spoken = self._caller.speak(heard)
            if spoken is None:
                self._remote_hung_up("normal")
                return
            said = spoken
            self._unheard += said
            self._hearers.unpark_all()
        elif ticks > RINGING_FRAMES:
            self._remote_hung_up("no answer")
            return
        self._caller_side += said
        self._agent_side += heard
        if self._on_air is not None:
            self._heard += 1
            self._on_air = None
        if self._answered:
            while self._marks and self._marks[0][0] <= self._heard:
                self._post(MarkReached(self._marks.popleft()[1]))
            if self._queue:
                self._on_air = self._queue.popleft()

    def _post(self, signal: Signal) -> None:
        self._signals.append(signal)
        self._signalled.unpark_all()

    def _remote_hung_up(self, cause: str) -> None:
        self._post(RemoteHungUp(cause))
        self._close()

    def _close(self) -> None:
        if self._closed:
            return
        self.flush()
        self._closed = True
        self._post(Closed())
        self._hearers.unpark_all()
        self._ticking.cancel()

    def _gone(self) -> LineGone:
        return LineGone(f"call {self._call_id}: the line is closed")


class WavCarrier:
    """A `Carrier` with one call, which arrives at once and ticks in `nursery`."""

    def __init__(self, line: WavLine, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._waiting: WavLine | None = line

    async def accept(self) -> WavLine:
        await trio.lowlevel.checkpoint()
        if self._waiting is None:
            raise LineGone("the WAV carrier has one call, and it was accepted already")
        line, self._waiting = self._waiting, None
        self._nursery.start_soon(line.run, name=f"WAV line {line.call_id}")
        return line
