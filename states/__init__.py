"""The default call, one file per state: `CHART`.

`WORLDS` are the models in which `callchart explore` explores it: `WORLD`, and `WITH_DRAFTS`."""

from callchart.states.chart import CHART
from callchart.states.exploration.worlds import WITH_DRAFTS, WORLD, WORLDS

__all__ = ["CHART", "WITH_DRAFTS", "WORLD", "WORLDS"]
