"""Functions whose result depends on the moment are refused by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from callchart.engine.chart import Effect, State, defer, stay, to
from callchart.engine.data import CallData
from callchart.engine.effects import AnswerLine, HangUpLine, StopPlayback
from callchart.engine.exploration.moments import MomentDependence
from callchart.states.data import PhoneData
from tests.engine.exploration.charts import WAITING, Knock, chart, explored, state

OUT = {"out": (5, to("waiting"))}


@dataclass(frozen=True)
class Knocked(CallData):
    """Call data with a moment that the environment does not know."""

    knocked_at: int = 0
    is_early: bool = False


def is_late(at_us: int) -> bool:
    return at_us > 60_000_000


def knocked_long_ago(data: Knocked, at_us: int) -> bool:
    return at_us - data.knocked_at > 3_000_000


def note_knock(data: Knocked, at_us: int) -> Knocked:
    return replace(data, knocked_at=at_us)


def note_early(data: Knocked, at_us: int) -> Knocked:
    return replace(data, is_early=at_us < 5_000_000)


def hang_up_late(at_us: int) -> Effect:
    return HangUpLine() if at_us > 60_000_000 else StopPlayback()


def stop_or_answer(at_us: int) -> Effect:
    return StopPlayback() if at_us > 60_000_000 else AnswerLine()


def shorter_when_late(at_us: int) -> float:
    return 1.0 if at_us > 60_000_000 else 5.0


def since_filler(data: PhoneData, at_us: int) -> float:
    return 1.0 - (at_us - data.filler_at_us) / 1e6


@pytest.mark.parametrize(
    ("door", "message"),
    [
        (
            state("door", on={Knock: [to("waiting", when=is_late), stay()]}, after=OUT),
            "guard is_late of state door, on Knock, must not depend on at_us: an exploration",
        ),
        (
            state("door", on={Knock: [to("waiting", when=knocked_long_ago), stay()]}, after=OUT),
            "guard knocked_long_ago of state door, on Knock, must not depend on at_us: an",
        ),
        (
            state("door", on={Knock: stay(update=note_knock)}, after=OUT),
            "update note_knock of state door, on Knock, must not depend on at_us "
            "(knocked_at would keep the moment): an exploration",
        ),
        (
            state("door", on={Knock: stay(update=note_early)}, after=OUT),
            "update note_early of state door, on Knock, must not depend on at_us "
            "(is_early would keep the moment): an exploration",
        ),
        (
            state("door", on={Knock: stay(effects=hang_up_late)}, after=OUT),
            "effect hang_up_late of state door, on Knock, must not depend on at_us",
        ),
        (
            state("door", on={Knock: to("waiting")}, exit=stop_or_answer, after=OUT),
            "effect stop_or_answer of state door, on CallerHungUp, must not depend on at_us",
        ),
        (
            state("door", after={"out": (shorter_when_late, to("waiting"))}),
            "delay shorter_when_late of state door, after out, must not depend on at_us",
        ),
    ],
    ids=["moment", "own moment", "kept", "compared", "effect", "exit", "delay"],
)
def test_a_function_that_depends_on_the_moment_is_refused_by_name(
    door: State, message: str
) -> None:
    with pytest.raises(MomentDependence) as refused:
        explored(chart(door, WAITING, data=Knocked))
    assert str(refused.value).startswith(message)
    assert str(refused.value).endswith("; use a timer (after) instead")


def test_a_delay_since_a_moment_that_the_environment_knows_is_explored() -> None:
    door = state("door", on={Knock: to("waiting")}, after={"out": (since_filler, to("bye"))})
    assert explored(chart(door, WAITING, data=PhoneData)).complete


def test_a_deferred_event_is_offered_again_at_each_of_the_moments() -> None:
    busy = state("busy", on={Knock: defer("in a moment")}, after={"done": (1, to("door"))})
    door = state("door", on={Knock: [stay(when=is_never), to("waiting")]}, after=OUT)
    assert explored(chart(busy, door, WAITING), node_limit=200).complete


def is_never(at_us: int) -> bool:
    return at_us < 0
