"""The call that Callchart makes unless told otherwise: a file a state, together in `CHART`.

`WORLDS` are what is around it while it is explored: `WORLD`, and one in which it has drafts."""

from callchart.states.chart import CHART
from callchart.states.exploration.worlds import WITH_DRAFTS, WORLD, WORLDS

__all__ = ["CHART", "WITH_DRAFTS", "WORLD", "WORLDS"]
