"""Metrics for the log: the speed of the models, and the use of second providers.

Each metric is one line. It contains no spoken words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.llm.counters import ModelCounters
from callchart.adapters.service.run.services import Opened
from callchart.engine.events import ReplyWritten


@dataclass(slots=True)
class Answers:
    """Counters of the model's complete answers.

    `marked` counts the answers that the model itself cut with "|", `our_cuts` the cuts at other
    places. The last two are the sum and the longest of the times from the request to the first
    chunk."""

    written: int = 0
    marked: int = 0
    our_cuts: int = 0
    first_chunk_sum_s: float = 0.0
    first_chunk_longest_s: float = 0.0

    def add(self, answer: ReplyWritten) -> None:
        """Count an answer. An answer without words does not count."""
        if answer.first_chunk is None:
            return
        self.written += 1
        self.marked += answer.marked > 0
        # The last chunk ends with the text, with or without a mark.
        self.our_cuts += max(0, answer.chunks - answer.bridges - 1 - answer.marked)
        self.first_chunk_sum_s += answer.first_chunk
        self.first_chunk_longest_s = max(self.first_chunk_longest_s, answer.first_chunk)

    def __str__(self) -> str:
        if not self.written:
            return "answers: 0"
        return (
            f'answers: {self.written}, of them with the model\'s own "|": {self.marked}, '
            f"cuts without it: {self.our_cuts}, first chunk after "
            f"{_times(self.first_chunk_sum_s, self.written, self.first_chunk_longest_s)}"
        )


def provider_metrics(opened: Opened) -> Iterator[str]:
    """Yield a line for each model, for the second model and for the second voice."""
    for name, model in opened.writers.models.items():
        yield f"model {name}: {_of_model(model.counters)}"
    if counters := opened.writers.counters:
        yield f"second model: {_of_second(counters)}"
    if counters := opened.voices.counters:
        yield f"second voice: {_of_second(counters)}"


def _of_model(counters: ModelCounters) -> str:
    counts = (
        f"requests: {counters.requests}, retries: {counters.retries}, failures: {counters.failures}"
    )
    if not counters.first_tokens:
        return counts
    times = _times(
        counters.first_token_sum_s, counters.first_tokens, counters.first_token_longest_s
    )
    return f"{counts}, first token after {times}"


def _of_second(counters: FallbackCounters) -> str:
    return (
        f"used for {counters.by_second} of {counters.requests} requests ({counters.ratio:.0%}), "
        f"timeouts of the first: {counters.late}, failures: {counters.error}, "
        f"circuit open: {counters.not_asked}; both failed: {counters.both_failed}"
    )


def _times(sum_s: float, count: int, longest_s: float) -> str:
    return f"{sum_s / count:.2f} s on average, {longest_s:.2f} s at most"
