"""Some mistakes in the default chart, and the property that finds each. `make mutants` has all."""

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
#: Mistakes that are found in calls without a word of the caller. Those of `SPOKEN` need an
#: utterance.
SILENT = {
    "stale events are acted on": "no event of a state that was left is acted on",
    "late events are acted on": (
        "events of a replaced reply or an answered utterance change nothing"
    ),
    "call: on entry, no AnswerLine": "a call is answered before anything is said",
    "call: on CallerHungUp, its reaction leads to ended": (
        "the line is hung up or closed when the call ends"
    ),
    "call: on HangUpRequested, reaction 1 is gone": "no reply follows the last words",
    "call: on HangUpRequested, reaction 2 without begin_farewell": (
        "at most one reply runs at a time"
    ),
    "call: on HangUpRequested, reaction 2 without start_reply": (
        "only the current reply or a chosen filler is played"
    ),
    "call: on EndOfUtteranceHeard, its reaction without note_end_recognised": (
        "each report about the caller's speech is recorded"
    ),
    "call: on PlaybackStopped, its reaction without record_heard_words": (
        "the heard words of a reply are in the history"
    ),
    "call: on ToolUnderWay, its reaction without record_tool_start": (
        "each tool event is in the history"
    ),
    "call.turn: on FinalHeard, reaction 1 without add_words": (
        "each report about the caller's speech is recorded"
    ),
    "call.turn.greeting: on PlaybackFinished, reaction 1 is gone": (
        "a failed reply is followed by another reply, a hangup or a transfer"
    ),
    "call.turn.greeting: on exit, no StopPlayback": "no sound of an ended reply is heard",
}
SPOKEN = {
    "call: on CallerHungUp, its reaction without record_unanswered": (
        "all words of the caller are in the history when we hang up"
    ),
    "call.turn: on SpeechEnded, its reaction without note_speech_ended": (
        "each report about the caller's speech is recorded"
    ),
    "call.turn: on PartialHeard, its reaction without note_partial": (
        "each report about the caller's speech is recorded"
    ),
    "call.turn.barged_in.silence: after false_alarm, reaction 1 is gone": (
        "no words of the caller are lost"
    ),
    "call.listening.waiting: on PartialHeard, reaction 1 is gone": (
        "a silent caller is not treated as a speaker"
    ),
}


def broken(mistake: str, turns: int) -> str:
    """Return the first property that the chart with this mistake breaks."""
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


def test_a_draft_that_outlives_its_turn_keeps_all_its_data() -> None:
    over = PhoneData(draft="words", drafted=1)
    assert WITH_DRAFTS.forget("call.listening.hearing", over, EnvironmentState()) == NOTHING


def test_an_event_without_a_reaction_is_refused() -> None:
    gone = [m for m in MUTANTS if m.startswith("call: on ") and m.endswith("its reaction is gone")]
    assert gone
    for mistake in gone:
        with pytest.raises(ChartError, match="which can arrive there"):
            MUTANTS[mistake].build()
