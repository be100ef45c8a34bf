"""The default call, one file per state: `CHART`.

`callchart explore` explores it in the environments of `WORLDS`: `WORLD` and `WITH_DRAFTS`."""

from callchart.states.chart import CHART
from callchart.states.exploration.worlds import WITH_DRAFTS, WORLD, WORLDS

__all__ = ["CHART", "WITH_DRAFTS", "WORLD", "WORLDS"]
