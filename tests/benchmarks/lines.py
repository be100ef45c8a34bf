"""Two lines of a scripted caller: one moves single frames, the other whole spans of sound.

Both play as a carrier does: from a queue, in real time, with marks that are reported when the sound
before them was heard, and a flush that drops the queue silently."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import trio

from callchart.engine.data import Parties
from callchart.engine.ports import (
    FRAME_SECONDS,
    Closed,
    LineGone,
    MarkReached,
    RemoteHungUp,
    Signal,
)
from tests.benchmarks.caller import Caller
from tests.benchmarks.sink import FRAME, RATE_HZ, SILENCE, Sink, number_in


class _Line:
    """The part that both lines share: answering, hanging up, and the signals."""

    rate_hz = RATE_HZ
    parties = Parties()

    def __init__(self, call_id: str, caller: Caller) -> None:
        self.call_id, self.caller = call_id, caller
        self.closed = False
        self._answered = trio.Event()
        self._signals: deque[Signal] = deque()
        self._news = trio.lowlevel.ParkingLot()
        self._heard_until = trio.current_time()

    def answer(self) -> None:
        if not self._answered.is_set():
            self._heard_until = trio.current_time()
            self._answered.set()

    def hang_up(self) -> None:
        if not self.closed:
            self.closed = True
            self._signal(Closed())
            self._answered.set()

    def send_digits(self, digits: str) -> None:
        """Do nothing: the benchmark does not use it."""

    def transfer(self, target: str) -> None:
        """Do nothing: the benchmark does not use it."""

    def caller_hangs_up(self) -> None:
        if not self.closed:
            self._signal(RemoteHungUp())
            self.hang_up()

    def _signal(self, signal: Signal) -> None:
        self._signals.append(signal)
        self._news.unpark_all()

    async def signal(self) -> Signal:
        while not self._signals:
            if self.closed:
                raise LineGone
            await self._news.park()
        return self._signals.popleft()


class FrameLine(_Line):
    """A line that moves 50 frames a second each way, into `sink` and from its caller.

    It plays silence when the queue is empty. The first frame after a silence leaves immediately,
    in place of the next silent frame: its time at the sink then depends on the engine, not on the
    phase of a clock. All other frames leave at absolute deadlines."""

    def __init__(self, call_id: str, caller: Caller, sink: Sink) -> None:
        super().__init__(call_id, caller)
        self.sink = sink
        self._queue: deque[bytes | int] = deque()
        self._silent, self._early = True, False
        self._newest = -1
        #: When each answer was flushed, and the number of frames that came after their flush.
        self.flushed: dict[int, float] = {}
        self.stale = 0

    def play(self, pcm: bytes) -> None:
        if self.closed or not self._answered.is_set():
            return
        frames: Iterator[bytes] = (pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME))
        if self._silent and not self._early and not self._queue:
            self._early = True
            self._hear(next(frames), trio.current_time())
        self._queue.extend(frames)

    def mark(self, mark: int) -> None:
        if not self.closed:
            self._queue.append(mark)

    def flush(self) -> None:
        self._queue.clear()
        self.flushed.setdefault(self._newest, trio.current_time())

    async def receive_audio(self) -> bytes:
        if not self._answered.is_set():
            await self._answered.wait()
        deadline = self._heard_until + FRAME_SECONDS
        await trio.sleep_until(deadline)
        if self.closed:
            raise LineGone
        self._heard_until = deadline
        return self.caller.frame(deadline)

    async def run(self) -> None:
        """Play the queue until the line is closed."""
        await self._answered.wait()
        queue, deadline = self._queue, trio.current_time()
        while not self.closed:
            deadline += FRAME_SECONDS
            await trio.sleep_until(deadline)
            if self._early:
                self._silent, self._early = False, False
                continue
            frame = queue.popleft() if queue else SILENCE
            while isinstance(frame, int):
                self._signal(MarkReached(frame))
                frame = queue.popleft() if queue else SILENCE
            self._silent = frame is SILENCE
            self._hear(frame, deadline)

    def _hear(self, frame: bytes, deadline: float) -> None:
        self.sink.take(frame, deadline)
        if frame is not SILENCE:
            number = number_in(frame)
            if number != self._newest:
                self._newest = number
                self.caller.answer_begins(number, deadline)
            if number in self.flushed:
                self.stale += 1


class SpanLine(_Line):
    """A line of spans: a task wakes up only for a beginning, an end, or a mark."""

    def __init__(self, call_id: str, caller: Caller) -> None:
        super().__init__(call_id, caller)
        self._marks: deque[tuple[float, int]] = deque()
        self._ends_at = 0.0
        self._newest = -1
        self._plans = trio.lowlevel.ParkingLot()
        #: The part of the current question that is not yet delivered.
        self._saying = b""

    def play(self, pcm: bytes) -> None:
        now = trio.current_time()
        self._ends_at = max(self._ends_at, now) + len(pcm) / (2 * RATE_HZ)
        number = number_in(pcm)
        if number != self._newest:
            self._newest = number
            self.caller.answer_begins(number, now)
            self._plans.unpark_all()

    def mark(self, mark: int) -> None:
        self._marks.append((max(self._ends_at, trio.current_time()), mark))
        self._news.unpark_all()

    def flush(self) -> None:
        self._marks.clear()
        self._ends_at = 0.0

    def hang_up(self) -> None:
        super().hang_up()
        self._plans.unpark_all()

    async def receive_audio(self) -> bytes:
        """Return silence and a question's first frame, then its other frames and a silent one."""
        if not self._answered.is_set():
            await self._answered.wait()
        caller = self.caller
        if self._saying:
            await self._until(lambda: caller.ended[caller.number])
            pcm, self._saying = self._saying + SILENCE, b""
            self._heard_until = caller.ended[caller.number]
            return pcm
        await self._until(lambda: caller.next_question)
        silence = bytes(int((caller.next_question - self._heard_until) / FRAME_SECONDS) * FRAME)
        said = caller.ask(caller.next_question)
        self._saying = said[FRAME:]
        return silence + said[:FRAME]

    async def _until(self, planned: Callable[[], float]) -> None:
        """Wait until the clock reads `planned()`. The result may change during the wait."""
        while not self.closed:
            if trio.current_time() >= planned():
                return
            with trio.CancelScope(deadline=planned()):
                await self._plans.park()
        raise LineGone

    async def signal(self) -> Signal:
        while not self._signals:
            if self.closed:
                raise LineGone
            at, mark = self._marks[0] if self._marks else (float("inf"), 0)
            if at <= trio.current_time():
                self._marks.popleft()
                return MarkReached(mark)
            with trio.CancelScope(deadline=at):
                await self._news.park()
        return self._signals.popleft()
