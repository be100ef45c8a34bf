"""The model's text, cut into chunks as it arrives, and by time where it arrives slowly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import trio

from callchart.engine.reply.chunker import Chunker


class TimedChunker:
    """A `Chunker` with a clock: gives `out` the chunks, text that is overdue among them.

    Text is overdue when it has been pending for `wait_s` seconds. `marked` counts the cuts at the
    model's own marks. `first_chunk_s` is the time from the request to the first chunk, or None."""

    def __init__(self, longest: int, wait_s: float, out: Callable[[Sequence[str]], None]) -> None:
        self._chunker = Chunker(longest)
        self._wait_s, self._out = wait_s, out
        #: Its deadline is when the pending text is overdue. Tokens move the deadline: to wake a
        #: task for each token would cost more.
        self._timer = trio.CancelScope()
        self._ended = False
        self._asked_at_s = trio.current_time()
        self.first_chunk_s: float | None = None

    @property
    def marked(self) -> int:
        return self._chunker.marked

    def feed_text(self, text: str) -> None:
        """Take the model's next piece of text. After the end, drop it.

        A provider's task may still hand over a token that arrived as it was cancelled."""
        if self._ended:
            return
        texts = self._chunker.feed_text(text)
        self._give_out(texts)
        if texts or self._timer.deadline == math.inf:
            overdue_s = trio.current_time() + self._wait_s
            self._timer.deadline = overdue_s if self._chunker.pending else math.inf

    def flush(self) -> None:
        """Give out the pending text as a chunk."""
        self._give_out(self._chunker.take_rest())
        self._timer.deadline = math.inf

    def end(self) -> None:
        """Take no further text, and end `run`. Text that is pending can still be flushed."""
        self._ended = True
        self._timer.cancel()

    async def run(self) -> None:
        """Give out overdue text until the end."""
        while not self._ended:
            with self._timer:
                await trio.sleep_forever()
            if not self._ended:
                self._timer = trio.CancelScope()
                self._give_out(self._chunker.take_overdue())

    def _give_out(self, texts: Sequence[str]) -> None:
        if not texts:
            return
        if self.first_chunk_s is None:
            # Rounded to microseconds, as all moments are.
            self.first_chunk_s = round(trio.current_time() - self._asked_at_s, 6)
        self._out(texts)
