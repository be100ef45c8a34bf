"""Comparisons of the explorations of two small charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from callchart.engine.chart import Outcome, State, stay, to
from callchart.engine.data import CallData
from callchart.engine.exploration import EnvironmentMove, Exploration, SearchState
from callchart.engine.exploration.environment import Phone
from callchart.engine.exploration.lockstep import Divergence, Observation, divergence
from tests.engine.exploration.charts import (
    WAITING,
    Counted,
    Knock,
    chart,
    count,
    explored,
    knocked,
    state,
)


def waits(seconds: float) -> Exploration:
    return explored(chart(state("door", after={"out": (seconds, to("bye"))})))


def knocks(*states: State) -> Exploration:
    return explored(chart(*states, data=Counted))


COUNTS = stay(update=count)
OPENS = to("waiting", when=knocked)
LEFT = {"out": (5, to("waiting"))}


def test_a_chart_does_not_diverge_from_itself() -> None:
    patient = state("door", on={Knock: [OPENS, COUNTS]}, after=LEFT)
    assert divergence(knocks(patient, WAITING), knocks(patient, WAITING)) is None


def test_a_different_first_timer_diverges_at_the_beginning() -> None:
    assert divergence(waits(5), waits(6)) == Divergence((), "they begin differently")


def test_the_shortest_call_that_diverges_is_found() -> None:
    opening = knocks(state("door", on={Knock: [OPENS, COUNTS]}, after=LEFT), WAITING)
    closed = knocks(state("door", on={Knock: COUNTS}, after=LEFT), WAITING)
    found = divergence(opening, closed)
    assert found == Divergence(("Knock()", "Knock()", "Knock()"), "taken, not stayed")


def test_a_difference_of_the_data_alone_is_not_a_divergence() -> None:
    counting = knocks(state("door", on={Knock: COUNTS}, after=LEFT), WAITING)
    forgetful = knocks(state("door", on={Knock: stay()}, after=LEFT), WAITING)
    assert divergence(counting, forgetful) is None


class Moody(Phone):
    """An environment in which every knock may be the third one: the data has one key for both."""

    def variants(self, data: CallData) -> Sequence[tuple[str, CallData]]:
        assert isinstance(data, Counted)
        return ("", data), ("as ever", replace(data, knocks=2))


def moody(*states: State) -> Exploration:
    whole = chart(*states, data=Counted)
    exploration = Exploration(whole, Moody(whole))
    for _ in exploration.run():
        pass
    return exploration


def test_a_variant_of_the_data_that_matters_to_one_chart_alone_is_compared() -> None:
    opening = moody(state("door", on={Knock: [OPENS, stay()]}, after=LEFT), WAITING)
    closed = moody(state("door", on={Knock: stay()}, after=LEFT), WAITING)
    assert divergence(opening, closed) == Divergence(("Knock() (as ever)",), "taken, not stayed")


class Quiet(Phone):
    """An environment without a knock."""

    def moves(self, state: SearchState) -> Sequence[EnvironmentMove]:
        return [move for move in super().moves(state) if not isinstance(move.event, Knock)]


def test_a_move_of_one_environment_alone_is_not_compared() -> None:
    whole = chart(state("door", on={Knock: COUNTS}, after=LEFT), WAITING, data=Counted)
    quiet = Exploration(whole, Quiet(whole))
    for _ in quiet.run():
        pass
    assert divergence(explored(whole), quiet) is None


def test_the_first_difference_between_two_steps_is_named() -> None:
    step = Observation(Outcome.TAKEN, "door", ("StopPlayback",), ())
    assert step.difference_from(replace(step, leaf="waiting")) == "door, not waiting"
    assert step.difference_from(replace(step, does=())) == "StopPlayback, not nothing"
