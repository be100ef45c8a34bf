"""The model's text, cut into chunks as it arrives, or after a time if it arrives slowly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import trio

from callchart.engine.reply.chunker import Chunker


class TimedChunker:
    """A `Chunker` with a clock: it passes chunks to `out`, also from overdue text.

    Text is overdue when it has been pending for `wait_s` seconds. `marked` counts the cuts at the
    model's own marks. `first_chunk_s` is the time from the request to the first chunk, or None."""

    def __init__(self, longest: int, wait_s: float, out: Callable[[Sequence[str]], None]) -> None:
        self._chunker = Chunker(longest)
        self._wait_s, self._out = wait_s, out
        #: Its deadline is the moment at which the pending text is overdue. Tokens only move the
        #: deadline, which costs less than waking a task.
        self._timer = trio.CancelScope()
        self._ended = False
        self._asked_at_s = trio.current_time()
        self.first_chunk_s: float | None = None

    @property
    def marked(self) -> int:
        return self._chunker.marked

    def feed_text(self, text: str) -> None:
        """Take the model's next piece of text. After the end, drop it.

        A provider's task that is being cancelled may still pass on a token."""
        if self._ended:
            return
        texts = self._chunker.feed_text(text)
        self._give_out(texts)
        if texts or self._timer.deadline == math.inf:
            overdue_s = trio.current_time() + self._wait_s
            self._timer.deadline = overdue_s if self._chunker.pending else math.inf

    def flush(self) -> None:
        """Pass on the pending text as a chunk."""
        self._give_out(self._chunker.take_rest())
        self._timer.deadline = math.inf

    def end(self) -> None:
        """Take no further text, and end `run`. `flush` still works."""
        self._ended = True
        self._timer.cancel()

    async def run(self) -> None:
        """Pass on overdue text until the end."""
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
            # Rounded to microseconds, like all times in journals.
            self.first_chunk_s = round(trio.current_time() - self._asked_at_s, 6)
        self._out(texts)
