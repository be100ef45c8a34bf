"""The call that Callchart makes unless told otherwise: a file a state, together in `CHART`.

`WORLD` is what is around it while it is explored."""

from states.chart import CHART
from states.explored import WORLD

__all__ = ["CHART", "WORLD"]
