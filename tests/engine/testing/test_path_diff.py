"""The diff between the states of a call and an expected path."""

from __future__ import annotations

import pytest

from callchart.engine.chart import State, defer, ignore, to
from callchart.engine.events import DigitReceived
from callchart.engine.testing.path_diff import names_with_keys, path_diff, short_name
from callchart.engine.testing.plugin import MakeTelephone
from callchart.engine.testing.questions import Path
from callchart.states import CHART
from tests.engine.chart.by_hand import Hand, chart, leaf
from tests.examples.hold_key import CHART as HOLD_KEY

LEAVES = [
    "call.turn.greeting.clear",
    "call.listening.waiting",
    "call.turn.speaking.opening",
    "call.turn.speaking.chunks",
    "ended",
]
NAMES = [short_name(CHART, leaf) for leaf in LEAVES]


@pytest.mark.parametrize(
    ("expected", "lines"),
    [
        (
            ["greeting", "listening", "speaking"],
            [
                "  clear    greeting",
                "  waiting  listening",
                "  opening  speaking",
                "  chunks   speaking",
                "+ ended",
            ],
        ),
        (
            ["greeting", ..., "speaking", "hangup"],
            [
                "  clear    greeting",
                "  waiting  ...",
                "  opening  speaking",
                "  chunks   speaking",
                "- hangup",
                "+ ended",
            ],
        ),
        (
            ["greeting", ..., "hangup"],
            ["  clear  greeting", "- hangup", "+ waiting", "+ opening", "+ chunks", "+ ended"],
        ),
        (["thinking"], ["- thinking", "+ clear", "+ waiting", "+ opening", "+ chunks", "+ ended"]),
    ],
)
def test_a_diff_shows_matches_the_first_miss_and_the_rest(expected: Path, lines: list[str]) -> None:
    assert path_diff(NAMES, LEAVES, expected).splitlines() == lines


def test_a_call_without_a_state_shows_the_expected_path() -> None:
    assert path_diff([], [], ["greeting"]) == "- greeting"


def test_a_long_rest_is_counted() -> None:
    assert path_diff(NAMES * 3, LEAVES * 3, ["greeting"]).endswith("+ (6 more)")


def test_a_name_is_as_long_as_it_must_be_to_be_unique() -> None:
    assert short_name(CHART, "call.turn.greeting.overlapped") == "greeting.overlapped"
    assert short_name(CHART, "ended") == "ended"


async def test_a_name_has_the_keys_that_the_caller_pressed_there(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone(chart=HOLD_KEY) as telephone:
        await telephone.until("listening")
        await telephone.caller_presses("5*")
        await telephone.until("on_hold")
        await telephone.caller_presses("#")
        expectation = telephone.expect(states=["greeting", "listening", "thinking"], within=1.0)
        with pytest.raises(AssertionError) as failure:
            await expectation
    assert str(failure.value).splitlines()[1:-1] == [
        "  clear                 greeting",
        "  waiting (pressed 5*)  listening",
        "- thinking",
        "+ on_hold (pressed #)",
    ]


def test_a_key_that_was_deferred_is_named_where_it_was_pressed() -> None:
    busy = State("busy", on={DigitReceived: defer("later")}, after={"out": (1.0, to("free"))})
    free = leaf("free", on={DigitReceived: ignore("")})
    table = chart(busy, free, events=(DigitReceived,))
    hand = Hand(table)
    steps = [hand.step, hand.take(DigitReceived("7")), hand.wait(), hand.wait()]
    assert [step.after.leaf for step in steps] == ["busy", "busy", "free", "free"]
    assert names_with_keys(table, steps) == ["busy (pressed 7)", "free"]
