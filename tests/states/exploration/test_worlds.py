"""Explorations of the default chart with short calls. `make explore` has longer ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callchart.engine.exploration import Exploration, check_liveness
from callchart.states import CHART, WORLD


@pytest.mark.parametrize("turns", [0])
def test_short_calls_break_no_property(turns: int) -> None:
    exploration = Exploration(CHART, replace(WORLD, turns=turns))
    for _ in exploration.run():
        pass
    # A call ends within 90 s if only its timers fire.
    assert check_liveness(exploration) < 90
    assert exploration.violations == []
