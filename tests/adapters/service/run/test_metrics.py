"""Metrics for an operator: the use of second providers, and the speed of the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.fallback.failures import Late, NotAsked
from callchart.adapters.llm.counters import ModelCounters
from callchart.adapters.service.providers.models import Writers
from callchart.adapters.service.providers.speech import Voices
from callchart.adapters.service.run.metrics import Answers, provider_metrics
from callchart.adapters.service.run.services import Opened
from callchart.engine.events import ReplyWritten
from callchart.engine.ports import ProviderError
from callchart.engine.testing import FakeModel, FakeSynthesizer


@dataclass
class Counted:
    """The part of a model that these tests read."""

    counters: ModelCounters


def opened(
    models: dict[str, ModelCounters],
    writers: FallbackCounters | None,
    voices: FallbackCounters | None,
) -> Opened:
    counted = cast(Any, {name: Counted(counters) for name, counters in models.items()})
    voice = FakeSynthesizer()
    return Opened(
        cast(Any, None), Voices(voice, voice, voices), Writers(FakeModel(), counted, writers)
    )


def asked(requests: int, *failures: ProviderError) -> FallbackCounters:
    counters = FallbackCounters(requests)
    for failure in failures:
        counters.record_fallback(failure)
    return counters


def test_one_model_and_one_voice_have_one_line() -> None:
    counters = ModelCounters().with_request().with_first_token(0.4)
    counters = counters.with_request().with_first_token(1.0).with_retry().with_failure()
    assert [*provider_metrics(opened({"gpt": counters}, None, None))] == [
        "model gpt: requests: 2, retries: 1, failures: 1, "
        "first token after 0.70 s on average, 1.00 s at most"
    ]


def test_a_second_provider_has_a_line_with_counts_by_reason() -> None:
    failures = (Late("a", ""), ProviderError("a", ""), ProviderError("a", ""), NotAsked("a", ""))
    lines = [*provider_metrics(opened({"a": ModelCounters()}, asked(8, *failures), asked(0)))]
    assert lines == [
        "model a: requests: 0, retries: 0, failures: 0",
        "second model: used for 4 of 8 requests (50%), timeouts of the first: 1, failures: 2, "
        "circuit open: 1; both failed: 0",
        "second voice: used for 0 of 0 requests (0%), timeouts of the first: 0, failures: 0, "
        "circuit open: 0; both failed: 0",
    ]


@pytest.mark.parametrize(
    ("chunks", "marked", "cuts"),
    [(3, 3, 0), (3, 2, 0), (3, 1, 1), (3, 0, 2), (1, 0, 0)],
)
def test_a_cut_without_a_mark_of_the_model_is_ours(chunks: int, marked: int, cuts: int) -> None:
    answers = Answers()
    answers.add(ReplyWritten(2, chunks, marked, False, first_chunk=0.5))
    assert (answers.written, answers.marked, answers.our_cuts) == (1, min(marked, 1), cuts)


def test_a_bridge_does_not_count_as_a_cut() -> None:
    answers = Answers()
    answers.add(ReplyWritten(2, 5, 2, False, first_chunk=7.5, bridges=2))
    assert answers.our_cuts == 0


def test_an_answer_without_words_is_not_counted() -> None:
    answers = Answers()
    answers.add(ReplyWritten(2, 0, 0, True))
    assert str(answers) == "answers: 0"
