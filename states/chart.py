"""The default chart: the states of the other files, and the data that they read."""

from __future__ import annotations

from callchart.engine.chart import Chart
from callchart.states.call import call
from callchart.states.data import PhoneData
from callchart.states.hangup import ended, hangup
from callchart.states.late import is_over

CHART = Chart(
    "phone call",
    [call, hangup, ended],
    data=PhoneData,
    late=is_over,
    overview=["greeting", "listening", "thinking", "speaking", "barged_in", "hangup"],
)
