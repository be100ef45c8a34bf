"""The Asterisk benchmark computes its metrics from packets and the detector's decisions."""

from __future__ import annotations

import pytest

from tests.benchmarks.asterisk.level import answer, interruption, metrics
from tests.benchmarks.asterisk.processor import process_ticks
from tests.benchmarks.asterisk.record import Record, Turn, between, gaps_in_replies
from tests.benchmarks.caller import Script
from tests.benchmarks.calls import SETTINGS

SCRIPTED = Script().first_sound(SETTINGS.end_of_turn)

#: A question from 10.5 to 13 s, spoken while the bot answers. The detector takes a pause in it for
#: its end.
TURN = Turn(since=10.0, began=10.5, ended=13.0, answered=13.2 + SCRIPTED, silenced=10.8)
DECIDED = ((5.0, True), (7.0, False), (10.6, True), (11.5, False), (11.8, True), (13.15, False))


def test_an_answer_is_split_at_the_last_end_of_speech_before_it() -> None:
    assert answer(TURN, DECIDED) == pytest.approx((0.15, 0.05))


def test_an_interruption_is_split_at_the_first_speech_of_its_question() -> None:
    assert interruption(TURN, DECIDED) == pytest.approx((0.2, 0.1))


def test_a_turn_without_detector_decisions_has_no_metrics() -> None:
    assert answer(TURN, ()) is None
    assert interruption(TURN, ()) is None


def test_an_unanswered_question_is_missed_unless_it_is_the_last_of_the_call() -> None:
    unanswered = Turn(20.0, 20.5, 22.0, None, None)
    call = Record("0", False, (unanswered, TURN, unanswered), 0, 0, 0.02, 0)
    found = metrics([call], {"0": DECIDED})
    assert (found["missed"], found["turns"], found["interruptions"]) == (1, 1, 1)


def test_silence_between_two_answers_is_not_counted_as_a_gap() -> None:
    assert gaps_in_replies([1.0, 1.02, 1.08, 5.0, 5.02], [5.0]) == pytest.approx([0.02, 0.06, 0.02])


def test_between_includes_its_beginning_and_excludes_its_end() -> None:
    assert between([1.0, 2.0, 3.0, 4.0], 2.0, 4.0) == [2.0, 3.0]


def test_cpu_time_is_found_behind_a_name_with_parentheses_and_spaces() -> None:
    assert process_ticks("7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0") == 300
