"""The default chart, explored: short calls here, longer ones by `make explore`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callchart.engine.exploration import Exploration, check_liveness
from callchart.states import CHART, WORLD


@pytest.mark.parametrize("turns", [0])
def test_calls_in_which_the_caller_speaks_so_often_break_no_property(turns: int) -> None:
    exploration = Exploration(CHART, replace(WORLD, turns=turns))
    for _ in exploration.run():
        pass
    # A call that nobody takes part in any more comes to its end.
    assert check_liveness(exploration) < 90
    assert exploration.violations == []
