"""The call that Callchart makes unless told otherwise: one file a state, put together in `CHART`."""

from states.chart import CHART

__all__ = ["CHART"]
