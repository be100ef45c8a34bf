"""A line whose far end is the test: it behaves as a carrier's media does, and remembers all of it.

Theory of operation. Sound leaves a carrier in frames of 20 ms, at ticks counted from the answer. So
the whole future of what is queued is known as soon as it is queued: each piece is laid out at its
ticks, each mark at the tick at which it will be reached, and a flush cuts off what lies ahead. No
task runs for that. Whoever waits on the line sleeps until the next thing that it will tell them.
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

#: Frames a second.
TICKS = 50
#: Asterisk's chan_websocket holds 1000 frames (20 s) and drops the excess without a word.
QUEUE = 1000
#: Ticks: what a line that gives spans lets pass at most before it gives what it has.
LONGEST_SPAN = 250
#: The tick of a clock that was summed up from floats.
_NEARLY = 1e-6


@dataclass(frozen=True, slots=True)
class Played:
    """A stretch of the agent's sound that the caller heard: whole frames, from tick `begin` on."""

    begin: int
    end: int
    pcm: bytes


@dataclass(slots=True)
class _Voice:
    """A stretch of the caller's sound: a fake sound by number, or samples."""

    begin: int
    end: float
    sound: int = 0
    pcm: bytes = b""


class FakeLine:
    """`callchart.engine.ports.Line` to a caller that the test plays.

    The caller's sound is given in spans: a frame as soon as the caller begins or stops, and all
    that lies between in one piece (at most 5 s). With `frames`, every frame is given as it comes.
    Set `confirms_marks` to False for a carrier that loses them, `closing` to the seconds between
    our hanging up and `Closed` (`math.inf`: it never says so), `transfers` to those whom a caller
    may be handed on to, `answers_transfers` to False for a carrier that never says what came of
    it."""

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
        #: The keys that were pressed on our side, and whom the caller was handed on to.
        self.digits = ""
        self.transferred: str | None = None
        #: Frames that a full queue refused.
        self.dropped_frames = 0
        #: When it was answered, by Trio's clock.
        self.answered_at: float | None = None
        self.closed = False
        #: We hung up, or the line is closed.
        self.hung_up = False
        self._call_id, self._rate_hz = call_id, rate_hz
        self._frame = frame_bytes(rate_hz)
        self._span = 1 if frames else LONGEST_SPAN

        # Before the answer ticks stand still at 0: what is queued then is heard from there on.
        self._played: list[Played] = []
        self._dry = 0  # the tick at which the queue runs dry
        self._marks: deque[tuple[int, int]] = deque()  # (tick, mark)
        self._closes_at = math.inf

        self._voices: deque[_Voice] = deque()
        self._given = 0  # the caller's ticks that hear() gave
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
        """Drop queue and marks. The frame that is on the air is heard to its end."""
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

    async def hear(self) -> bytes:
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
        """The caller speaks from now on; their voice is the fake sound of that number."""
        if self._voices and self._voices[-1].end > self._next_tick():
            raise RuntimeError("the caller speaks already: one voice at a time")
        self._voices.append(_Voice(self._next_tick(), math.inf, sound))
        self._said.unpark_all()

    def stop_speaking(self) -> None:
        """The caller is silent from now on."""
        if not self._voices or self._voices[-1].end <= self._next_tick():
            raise RuntimeError("the caller does not speak")
        # Who speaks at all speaks for a frame.
        self._voices[-1].end = max(self._next_tick(), self._voices[-1].begin + 1)
        self._said.unpark_all()

    def say(self, pcm: bytes) -> None:
        """The caller says these whole frames, after all that they said before."""
        begin = self._next_tick()
        if self._voices:
            begin = max(begin, int(self._voices[-1].end))
        self._voices.append(_Voice(begin, begin + len(pcm) // self._frame, pcm=pcm))
        self._said.unpark_all()

    def press(self, digit: str) -> None:
        """The caller presses a key."""
        if not self.closed:
            self._tell(DigitPressed(digit))

    def remote_hangs_up(self, cause: str = "normal") -> None:
        """The caller hangs up: the line says so, and closes."""
        if not self.closed:
            self._tell(RemoteHungUp(cause))
            self._close()

    def break_off(self) -> None:
        """The line closes without a word of why."""
        self._close()

    def played(self) -> Iterator[Played]:
        """What the caller has heard by now, stretch by stretch, in order."""
        now = self._tick()
        for played in self._played:
            if played.end <= now:
                yield played
            elif played.begin < now:
                heard = played.pcm[: (now - played.begin) * self._frame]
                yield replace(played, end=now, pcm=heard)

    # --- inside --------------------------------------------------------------------------------

    def _moment(self, tick: float) -> float:
        # A quotient: a sum of 0.02s drifts away from the deadlines of others.
        return (self.answered_at or 0.0) + tick / TICKS

    def _ticks(self) -> float:
        if self.answered_at is None:
            return 0.0
        return (trio.current_time() - self.answered_at) * TICKS

    def _tick(self) -> int:
        """How many whole frames' times have passed."""
        return math.floor(self._ticks() + _NEARLY)

    def _next_tick(self) -> int:
        """The tick at which a frame that is queued now may begin."""
        return math.ceil(self._ticks() - _NEARLY)

    def _reach_marks(self) -> None:
        now = self._tick() if self.answered_at is not None else -1
        while self._marks and self._marks[0][0] <= now:
            self._signals.append(MarkReached(self._marks.popleft()[1]))

    def _next_given(self) -> int:
        """The tick at which hear() has something to give: the frame behind each edge is over."""
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
        self._reach_marks()  # what was heard by now came first
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
    """`callchart.engine.ports.Carrier`: calls come when the test lets them ring."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[FakeLine](math.inf)

    def ring(self, line: FakeLine) -> None:
        """A call comes in."""
        self._send.send_nowait(line)

    def close(self) -> None:
        """There will be no more calls."""
        self._send.close()

    async def accept(self) -> FakeLine:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise LineGone("the fake carrier has no more calls") from None
