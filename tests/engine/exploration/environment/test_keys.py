"""The keys that callers press in an exploration."""

from __future__ import annotations

from callchart.engine.events import DigitReceived
from callchart.engine.exploration.environment import EnvironmentState
from callchart.engine.exploration.environment.ports import line


def test_each_key_is_a_move_of_its_own() -> None:
    pressed = {
        move.key: move.event
        for move in line(EnvironmentState(), ("1", "*"))
        if isinstance(move.event, DigitReceived)
    }
    assert pressed == {
        "the caller presses 1": DigitReceived("1"),
        "the caller presses *": DigitReceived("*"),
    }
