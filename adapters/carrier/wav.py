"""A line without a network: it behaves as Asterisk's chan_websocket media, on any clock.

One task ticks at absolute 20 ms deadlines. Each tick ends one frame's time and begins the next: the
caller has now heard the frame on the air, we receive the caller's frame of that time, and the next
frame of the playback queue goes on the air.
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

#: The longest time that the caller waits for an answer. Networks let a phone ring for 30 to 60 s.
RINGING_FRAMES: Final = 30 * FRAMES_PER_SECOND


class Caller(Protocol):
    """The person at the other end. After the answer, `speak` runs once for each frame."""

    @property
    def rate_hz(self) -> int:
        """Samples per second in both directions: 8000 or 16000."""
        ...

    def speak(self, heard: bytes) -> bytes | None:
        """Return the caller's next frame, or None to hang up. `heard` is the agent's frame."""
        ...


class WavLine:
    """A `callchart.engine.ports.Line` to a scripted caller.

    Before `answer()` both sides hear silence and playback waits in its queue. After the line has
    closed, commands do nothing. `dropped_frames` counts the frames that a full queue dropped."""

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
        # Pairs: the number of heard frames at which a mark is reached, and the mark.
        self._marks: deque[tuple[int, int]] = deque()
        self._accepted_frames = 0
        self._heard_frames = 0

        self._unread = bytearray()  # the audio of the caller
        self._readers = trio.lowlevel.ParkingLot()
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
        """Empty: a WAV line has no phone numbers."""
        return Parties()

    @property
    def recording(self) -> Recording:
        """Both sides' audio so far, from the moment `run` started."""
        return Recording(
            self._rate_hz,
            np.frombuffer(bytes(self._caller_side), "<i2"),
            np.frombuffer(bytes(self._agent_side), "<i2"),
        )

    async def run(self) -> None:
        """Tick until the line closes. After a stall the missed ticks follow without a delay."""
        began_s = trio.current_time()
        try:
            with self._ticking:
                ticks = 0
                while True:
                    ticks += 1
                    # Divide instead of adding 0.02 s each time: a sum collects rounding errors, and
                    # drifts away from the deadlines of other tasks.
                    await trio.sleep_until(began_s + ticks / FRAMES_PER_SECOND)
                    self._tick(ticks)
        finally:
            self._close()

    def answer(self) -> None:
        self._answered = True

    def hang_up(self) -> None:
        self._close()

    def play(self, pcm: bytes) -> None:
        """Append whole frames. A partial one raises `ValueError`: Asterisk would drop it."""
        if self._closed:
            return
        if len(pcm) % self._frame_bytes:
            raise ValueError(
                f"pcm must be whole frames of {self._frame_bytes} bytes, got {len(pcm)} bytes"
            )
        room_bytes = (QUEUE_FRAMES - len(self._queue)) * self._frame_bytes
        self._queue.extend(
            pcm[at : at + self._frame_bytes]
            for at in range(0, min(len(pcm), room_bytes), self._frame_bytes)
        )
        self._accepted_frames += min(len(pcm), room_bytes) // self._frame_bytes
        self.dropped_frames += max(len(pcm) - room_bytes, 0) // self._frame_bytes

    def mark(self, mark: int) -> None:
        if self._closed:
            return
        self._marks.append((self._accepted_frames, mark))

    def flush(self) -> None:
        """Drop queue and marks. The frame on the air continues to its end: it has been sent."""
        self._accepted_frames -= len(self._queue)
        self._queue.clear()
        self._marks.clear()

    def send_digits(self, digits: str) -> None:
        """Do nothing: a scripted caller does not listen to keys."""

    def transfer(self, target: str) -> None:
        if not self._closed:
            self._post(TransferRefused("a WAV line cannot transfer a call"))

    async def receive_audio(self) -> bytes:
        """Wait for audio of the caller, and return all of it. A cancelled wait loses none."""
        if self._closed or self._unread:
            await trio.lowlevel.checkpoint()
        while not (self._closed or self._unread):
            await self._readers.park()
        if self._closed:
            raise self._gone()
        pcm = bytes(self._unread)
        self._unread.clear()
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
            self._unread += said
            self._readers.unpark_all()
        elif ticks > RINGING_FRAMES:
            self._remote_hung_up("no answer")
            return
        self._caller_side += said
        self._agent_side += heard
        if self._on_air is not None:
            self._heard_frames += 1
            self._on_air = None
        if self._answered:
            while self._marks and self._marks[0][0] <= self._heard_frames:
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
        self._readers.unpark_all()
        self._ticking.cancel()

    def _gone(self) -> LineGone:
        return LineGone(f"call {self._call_id}: the line is closed")


class WavCarrier:
    """A `Carrier` with one call, which arrives immediately and ticks in `nursery`."""

    def __init__(self, line: WavLine, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._waiting: WavLine | None = line

    async def accept(self) -> WavLine:
        await trio.lowlevel.checkpoint()
        if self._waiting is None:
            raise LineGone("accept() of a WAV carrier must be called once, got a second call")
        line, self._waiting = self._waiting, None
        self._nursery.start_soon(line.run, name=f"WAV line {line.call_id}")
        return line
