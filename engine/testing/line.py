"""A fake line with the test at its far end. It plays sound like a carrier, and records it.

Theory of operation. A carrier sends sound in frames of 20 ms, at ticks counted from the answer. So
the line knows in advance when queued sound will play: each piece gets its ticks, each mark gets the
tick at which it is reached, and a flush removes the rest. No task runs for this: a method that
waits sleeps until its next result.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

import trio

from callchart.engine.data import Parties
from callchart.engine.ports import (
    Closed,
    DigitPressed,
    LineGone,
    MarkReached,
    RemoteHungUp,
    Signal,
    TransferDone,
    TransferRefused,
    frame_bytes,
)
from callchart.engine.testing.sound import fake_sound

#: Frames per second.
TICKS = 50
#: Asterisk's chan_websocket holds 1000 frames (20 s) and drops the excess silently.
QUEUE = 1000
#: The longest span of a caller's sound, in ticks.
LONGEST_SPAN = 250
#: The tolerance for moments that are sums of floats, in ticks.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Played:
    """A piece of the agent's sound on the line: whole frames, from tick `begin` to tick `end`."""

    begin: int
    end: int
    pcm: bytes


@dataclass(slots=True)
class _Voice:
    """A piece of the caller's sound: the number of a fake sound, or samples."""

    begin: int
    end: float
    sound: int = 0
    pcm: bytes = b""


class FakeLine:
    """`callchart.engine.ports.Line` to a caller that the test plays.

    `receive_audio` returns the caller's sound in spans: one frame when the caller begins or stops,
    and the time between in one piece (at most 5 s). With `frames`, each span is one frame.

    Set `confirms_marks` to False for a carrier that loses marks; `closing` to the seconds from our
    hangup to `Closed` (`math.inf`: never); `transfers` to the permitted targets of a transfer; and
    `answers_transfers` to False for a carrier that never reports the result of a transfer."""

    def __init__(
        self,
        call_id: str = "fake",
        rate_hz: int = 16000,
        *,
        frames: bool = False,
        parties: Parties | None = None,
    ) -> None:
        self.parties = parties or Parties()
        self.confirms_marks = True
        self.closing = 0.0
        self.transfers: Container[str] = ()
        self.answers_transfers = True
        #: The keys that our side has sent, and the target of its transfer.
        self.digits = ""
        self.transferred: str | None = None
        #: Frames that a full queue refused.
        self.dropped_frames = 0
        #: The time of the answer, by Trio's clock.
        self.answered_at: float | None = None
        self.closed = False
        #: True after our hangup, or when the line is closed.
        self.hung_up = False
        self._call_id, self._rate_hz = call_id, rate_hz
        self._frame = frame_bytes(rate_hz)
        self._span = 1 if frames else LONGEST_SPAN

        # Before the answer the tick is 0: sound that is queued earlier begins at the answer.
        self._played: list[Played] = []
        self._dry = 0  # the tick at which the queue is empty
        self._marks: deque[tuple[int, int]] = deque()  # (tick, mark)
        self._closes_at = math.inf

        self._voices: deque[_Voice] = deque()
        self._given = 0  # the caller's ticks that receive_audio() gave
        self._signals: deque[Signal] = deque()
        self._said = trio.lowlevel.ParkingLot()
        self._signalled = trio.lowlevel.ParkingLot()

    # --- the near end: callchart.engine.ports.Line ---------------------------------------

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def call_id(self) -> str:
        return self._call_id

    def answer(self) -> None:
        if self.answered_at is None and not self.closed:
            self.answered_at = trio.current_time()
            self._said.unpark_all()
            self._signalled.unpark_all()

    def hang_up(self) -> None:
        if self.hung_up:
            return
        self.hung_up = True
        if self.closing:
            self._closes_at = trio.current_time() + self.closing
            self._signalled.unpark_all()
        else:
            self._close()

    def play(self, pcm: bytes) -> None:
        if len(pcm) % self._frame:
            raise ValueError(f"{len(pcm)} bytes are no whole frames of {self._frame}")
        if self.hung_up:
            return
        begin = max(self._next_tick(), self._dry)
        wanted = len(pcm) // self._frame
        taken = min(wanted, QUEUE - (begin - self._next_tick()))
        self.dropped_frames += wanted - taken
        if taken:
            self._played.append(Played(begin, begin + taken, pcm[: taken * self._frame]))
            self._dry = begin + taken

    def mark(self, mark: int) -> None:
        if self.confirms_marks and not self.hung_up:
            self._marks.append((max(self._next_tick(), self._dry), mark))
            self._signalled.unpark_all()

    def flush(self) -> None:
        """Drop the queue and its marks. The caller still hears the current frame to its end."""
        self._reach_marks()
        self._marks.clear()
        cut = self._next_tick()
        while self._played and self._played[-1].end > cut:
            last = self._played.pop()
            if last.begin < cut:
                kept = last.pcm[: (cut - last.begin) * self._frame]
                self._played.append(Played(last.begin, cut, kept))
        self._dry = min(self._dry, cut)

    def send_digits(self, digits: str) -> None:
        if not self.hung_up:
            self.digits += digits

    def transfer(self, target: str) -> None:
        if self.hung_up or not self.answers_transfers:
            return
        if target not in self.transfers:
            self._tell(TransferRefused("transfer.allow does not name that target"))
            return
        self.transferred = target
        self._tell(TransferDone())
        self._close()

    async def receive_audio(self) -> bytes:
        waited = False
        while not self.closed:
            due = self._next_given()
            if self.answered_at is not None and self._tick() >= due:
                if waited:
                    return self._give(due)
                await trio.lowlevel.checkpoint()
            else:
                deadline = math.inf if self.answered_at is None else self._moment(due)
                with trio.CancelScope(deadline=deadline):
                    await self._said.park()
            waited = True
        raise LineGone(f"call {self._call_id}: the line is closed")

    async def signal(self) -> Signal:
        while True:
            self._reach_marks()
            if trio.current_time() >= self._closes_at:
                self._close()
            if self._signals or self.closed:
                await trio.lowlevel.checkpoint()
                if self._signals:
                    return self._signals.popleft()
                raise LineGone(f"call {self._call_id}: the line is closed")
            deadline = self._closes_at
            if self._marks and self.answered_at is not None:
                deadline = min(deadline, self._moment(self._marks[0][0]))
            with trio.CancelScope(deadline=deadline):
                await self._signalled.park()

    # --- the far end: the caller ---------------------------------------------------------------

    def start_speaking(self, sound: int) -> None:
        """Let the caller speak from now on, with the fake sound of that number."""
        if self._voices and self._voices[-1].end > self._next_tick():
            raise RuntimeError("the caller speaks already: one voice at a time")
        self._voices.append(_Voice(self._next_tick(), math.inf, sound))
        self._said.unpark_all()

    def stop_speaking(self) -> None:
        """Let the caller be silent from now on."""
        if not self._voices or self._voices[-1].end <= self._next_tick():
            raise RuntimeError("the caller does not speak")
        # The shortest speech is a frame.
        self._voices[-1].end = max(self._next_tick(), self._voices[-1].begin + 1)
        self._said.unpark_all()

    def say(self, pcm: bytes) -> None:
        """Let the caller say these whole frames, after all earlier speech."""
        begin = self._next_tick()
        if self._voices:
            begin = max(begin, int(self._voices[-1].end))
        self._voices.append(_Voice(begin, begin + len(pcm) // self._frame, pcm=pcm))
        self._said.unpark_all()

    def press(self, digit: str) -> None:
        """Let the caller press a key."""
        if not self.closed:
            self._tell(DigitPressed(digit))

    def remote_hangs_up(self, cause: str = "normal") -> None:
        """Let the caller hang up: the line reports it, and closes."""
        if not self.closed:
            self._tell(RemoteHungUp(cause))
            self._close()

    def break_off(self) -> None:
        """Close the line without a reason."""
        self._close()

    def played(self) -> Iterator[Played]:
        """Yield the pieces of sound that the caller has heard by now, in order."""
        now = self._tick()
        for played in self._played:
            if played.end <= now:
                yield played
            elif played.begin < now:
                heard = played.pcm[: (now - played.begin) * self._frame]
                yield replace(played, end=now, pcm=heard)

    # --- inside --------------------------------------------------------------------------------

    def _moment(self, tick: float) -> float:
        # Divide the ticks: a sum of 0.02 s would drift away from other deadlines.
        return (self.answered_at or 0.0) + tick / TICKS

    def _ticks(self) -> float:
        if self.answered_at is None:
            return 0.0
        return (trio.current_time() - self.answered_at) * TICKS

    def _tick(self) -> int:
        """Return the number of frames that have passed."""
        return math.floor(self._ticks() + _TOLERANCE)

    def _next_tick(self) -> int:
        """Return the first tick at which a frame that is queued now can begin."""
        return math.ceil(self._ticks() - _TOLERANCE)

    def _reach_marks(self) -> None:
        now = self._tick() if self.answered_at is not None else -1
        while self._marks and self._marks[0][0] <= now:
            self._signals.append(MarkReached(self._marks.popleft()[1]))

    def _next_given(self) -> int:
        """Return the tick at which receive_audio() returns: after the frame that shows an edge."""
        due = self._given + self._span
        for voice in self._voices:
            for edge in (voice.begin, voice.end):
                if self._given <= edge < due:
                    due = int(edge) + 1
        return due

    def _give(self, until: int) -> bytes:
        begin, self._given = self._given, until
        given = bytearray((until - begin) * self._frame)
        for voice in self._voices:
            first, last = max(begin, voice.begin), int(min(until, voice.end))
            if first < last:
                place = first - voice.begin
                given[(first - begin) * self._frame : (last - begin) * self._frame] = (
                    fake_sound(
                        voice.sound, place * self._frame // 2, (last - first) * self._frame // 2
                    )
                    if voice.sound
                    else voice.pcm[place * self._frame : (place + last - first) * self._frame]
                )
        while self._voices and self._voices[0].end < until:
            self._voices.popleft()
        return bytes(given)

    def _tell(self, signal: Signal) -> None:
        self._reach_marks()  # marks that are due come before the signal
        self._signals.append(signal)
        self._signalled.unpark_all()

    def _close(self) -> None:
        if self.closed:
            return
        self.flush()
        self.closed = self.hung_up = True
        self._signals.append(Closed())
        self._said.unpark_all()
        self._signalled.unpark_all()


class FakeCarrier:
    """`callchart.engine.ports.Carrier`: a call arrives when the test calls `ring`."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[FakeLine](math.inf)

    def ring(self, line: FakeLine) -> None:
        """Let a call arrive."""
        self._send.send_nowait(line)

    def close(self) -> None:
        """Report that no more calls will arrive."""
        self._send.close()

    async def accept(self) -> FakeLine:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise LineGone("the fake carrier has no more calls") from None
