"""The diff between the states of a call and an expected path."""

from __future__ import annotations

import pytest

from callchart.engine.testing.path_diff import path_diff, short_name
from callchart.engine.testing.questions import Path
from callchart.states import CHART

LEAVES = [
    "call.turn.greeting.clear",
    "call.listening.waiting",
    "call.turn.speaking.opening",
    "call.turn.speaking.chunks",
    "ended",
]


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
    assert path_diff(CHART, LEAVES, expected).splitlines() == lines


def test_a_call_without_a_state_shows_what_was_expected() -> None:
    assert path_diff(CHART, [], ["greeting"]) == "- greeting"


def test_a_long_rest_is_counted() -> None:
    assert path_diff(CHART, LEAVES * 3, ["greeting"]).endswith("+ (6 more)")


def test_a_name_is_as_long_as_it_must_be_to_be_unique() -> None:
    assert short_name(CHART, "call.turn.greeting.overlapped") == "greeting.overlapped"
    assert short_name(CHART, "ended") == "ended"
