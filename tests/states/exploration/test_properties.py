"""Mistakes in the default chart, and the property that finds each; all of them: `make mutants`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callchart.engine.chart import ChartError
from callchart.engine.exploration import Exploration
from callchart.engine.exploration.environment import NOTHING, EnvironmentState
from callchart.engine.exploration.mutation import mutants
from callchart.states import CHART, WITH_DRAFTS, WORLD
from callchart.states.data import PhoneData

MUTANTS = {mutant.mistake: mutant for mutant in mutants(CHART)}
#: What is found by a call in which the caller says nothing, or says something once.
SILENT = {
    "stale events are acted on": "no event of a state that was left is acted on",
    "late events are acted on": "what was replaced or answered is not acted on",
    "call: on entry, no AnswerLine": "a call is answered before anything is said",
    "call: on CallerHungUp, its answer leads to ended": "no line is left open",
    "call: on HangUpRequested, answer 1 is gone": "nothing is said after the last words",
    "call: on HangUpRequested, answer 2 without begin_farewell": "one reply at most is alive",
    "call: on HangUpRequested, answer 2 without start_reply": "what is played is alive",
    "call: on EndOfUtteranceHeard, its answer without note_heard_out": (
        "what is heard of the caller is known"
    ),
    "call: on PlaybackStopped, its answer without words_heard": (
        "what was heard of a reply is known"
    ),
    "call: on ToolUnderWay, its answer without note_under_way": "what tools do is in the history",
    "call.turn: on FinalHeard, answer 1 without add_words": "what is heard of the caller is known",
    "call.turn.greeting: on PlaybackFinished, answer 1 is gone": (
        "a reply that failed is not taken for said"
    ),
    "call.turn.greeting: on exit, no StopPlayback": "nothing of a dead reply is heard",
}
SPOKEN = {
    "call: on CallerHungUp, its answer without put_what_was_said": (
        "a call ends with all that was said in its history"
    ),
    "call.turn: on SpeechEnded, its answer without note_speech_ended": (
        "what is heard of the caller is known"
    ),
    "call.turn: on PartialHeard, its answer without note_partial": (
        "what is heard of the caller is known"
    ),
    "call.turn.barged_in.silence: after false_alarm, answer 1 is gone": (
        "no words of the caller's are lost"
    ),
    "call.listening.waiting: on PartialHeard, answer 1 is gone": (
        "who is silent is not listened to as a speaker"
    ),
}


def broken(mistake: str, turns: int) -> str:
    """The first property that the chart with this mistake breaks."""
    mutant = MUTANTS[mistake]
    chart = mutant.build()
    world = replace(WORLD, chart=chart, turns=turns)
    exploration = Exploration(chart, world, stop_at_first=True, deciding=mutant.deciding)
    for _ in exploration.run():
        pass
    return exploration.violations[0].name


@pytest.mark.parametrize(("mistake", "name"), SILENT.items())
def test_a_mistake_is_found_in_a_call_without_a_word(mistake: str, name: str) -> None:
    assert broken(mistake, turns=0) == name


@pytest.mark.parametrize(("mistake", "name"), SPOKEN.items())
def test_a_mistake_is_found_in_a_call_in_which_the_caller_speaks(mistake: str, name: str) -> None:
    assert broken(mistake, turns=1) == name


def test_of_a_draft_that_outlives_its_turn_nothing_is_forgotten() -> None:
    over = PhoneData(draft="words", drafted=1)
    assert WITH_DRAFTS.forget("call.listening.hearing", over, EnvironmentState()) == NOTHING


def test_an_event_that_nothing_answers_is_refused() -> None:
    gone = [m for m in MUTANTS if m.startswith("call: on ") and m.endswith("its answer is gone")]
    assert gone
    for mistake in gone:
        with pytest.raises(ChartError, match="which can arrive there"):
            MUTANTS[mistake].build()
