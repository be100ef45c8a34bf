"""The call that Callchart makes unless told otherwise: a file a state, together in `CHART`."""

from states.chart import CHART

__all__ = ["CHART"]
