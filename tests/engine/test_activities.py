"""The engine's activities in a chart: they exist, and a state that plays is set up to play."""

from __future__ import annotations

import re

import pytest

from callchart.engine.activities import check_activities
from callchart.engine.chart import Chart, ChartError, Effect, State, ignore, to
from callchart.engine.chart.state import EffectSource
from callchart.engine.data import Reply
from callchart.engine.effects import HangUpLine, StartReply, StopPlayback
from callchart.engine.events import DigitReceived
from callchart.engine.scene import Scene
from callchart.engine.testing import Telephone
from callchart.engine.testing.plugin import MakeTelephone
from callchart.states import CHART
from tests.engine.chart.by_hand import chart, leaf


def refused(wrong: Chart, says: str) -> None:
    """Assert that the chart's activities are refused with exactly this message."""
    with pytest.raises(ChartError, match=f"^{re.escape(says)}$"):
        check_activities(wrong)


def test_the_default_chart_is_accepted() -> None:
    check_activities(CHART)


def test_a_misspelt_activity_is_named_with_its_state() -> None:
    refused(
        chart(leaf("a", activity="plya"), events=()),
        "state a: the activity must be one of fill, hear, play, reply, got 'plya'; did you mean "
        "'play'?",
    )


@pytest.mark.parametrize("activity", ["play", "fill"])
def test_a_state_that_plays_stops_its_sound_when_it_is_left(activity: str) -> None:
    refused(
        chart(leaf("a", activity=activity), events=()),
        f"state a has the activity {activity!r}, so it must stop the sound when it is left; add "
        "exit=StopPlayback()",
    )


def stop() -> Effect:
    return StopPlayback()


@pytest.mark.parametrize("exit_effects", [StopPlayback(), [StopPlayback()], StopPlayback, stop])
def test_a_function_may_stop_the_sound(exit_effects: object) -> None:
    check_activities(chart(leaf("a", activity="fill", exit=exit_effects), events=()))


def test_a_state_that_plays_is_within_one_that_writes_replies() -> None:
    plays = leaf("a", activity="play", exit=StopPlayback())
    refused(
        chart(State("p", children=[plays]), events=()),
        "state p.a has the activity 'play', so a parent must have the activity 'reply', which "
        "writes what it plays; add the state to such a parent",
    )
    check_activities(chart(State("p", activity="reply", children=[plays]), events=()))


def start() -> Effect:
    return StartReply(Reply(1, "answer"))


def answered(entry: EffectSource, effects: EffectSource) -> Chart:
    """Return a chart in which a key leads from a menu to a state that plays, in a turn."""
    plays = leaf("plays", activity="play", exit=StopPlayback(), entry=entry)
    menu = leaf("menu", on={DigitReceived: to("turn", effects=effects)})
    turn = State(
        "turn",
        activity="reply",
        on={DigitReceived: ignore("")},
        children=[plays],
    )
    return chart(menu, turn, events=(DigitReceived,))


def test_a_reaction_that_enters_a_turn_to_play_begins_a_reply() -> None:
    refused(
        answered(HangUpLine(), HangUpLine()),
        "state menu, DigitReceived leads to turn.plays, which has the activity 'play', so it must "
        "begin a reply; give it an update that makes the reply, such as script(...), and "
        "effects=start_reply",
    )
    for effect in (start(), start):
        check_activities(answered(effect, HangUpLine()))
        check_activities(answered(HangUpLine(), effect))


async def silent(scene: Scene) -> None:
    """Do nothing."""


def test_an_activity_of_the_charts_own_may_have_any_exit() -> None:
    state = State("a", activity="play", after={"out": (1.0, to("over"))})
    over = State("over", final=True)
    check_activities(Chart("own", [state, over], events=(), activities={"play": silent}))


def test_a_telephone_refuses_the_chart_before_the_call() -> None:
    with pytest.raises(ChartError, match=r"^state a: the activity .* did you mean 'play'\?$"):
        Telephone(chart(leaf("a", activity="plya"), events=()))


def extended(state: State) -> Chart:
    """Return the default chart with a state that a key leads to."""
    return CHART.extended(
        "with a key", add={"turn": [state]}, on={"settling": {DigitReceived: to(state.name)}}
    )


@pytest.mark.parametrize(
    ("activity", "says"),
    [
        (
            "play",
            "state call.turn.quiet plays, so a reply must have begun, got none; the reaction that "
            "leads there needs an update that makes the reply, such as script(...), and "
            "effects=start_reply",
        ),
        (
            "fill",
            "state call.turn.quiet fills, so data.filler must be a filler's index, got None; the "
            "reaction that leads there needs an update that chooses one",
        ),
    ],
)
async def test_a_state_with_nothing_to_play_fails_with_its_name_and_the_cure(
    make_telephone: MakeTelephone, activity: str, says: str
) -> None:
    arriving = [event for event in CHART.events if event.origin in ("hear", activity)]
    quiet = State(
        "quiet",
        activity=activity,
        exit=StopPlayback(),
        on=dict.fromkeys(arriving, ignore("a test")),
        after={"stuck": (1.0, to("listening"))},
    )

    async def call() -> None:
        async with make_telephone(chart=extended(quiet)) as telephone:
            await telephone.caller_says("When do you open?", at=3.0, until=4.0)
            await telephone.caller_presses("1", at=4.2)
            await telephone.until_the_end()

    refusal = pytest.RaisesExc(ChartError, match=f"^{re.escape(says)}$")
    with pytest.RaisesGroup(refusal, flatten_subgroups=True):
        await call()
