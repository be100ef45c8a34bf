"""The default chart, `CHART`: its states, the class of its data, its rule for late events."""

from __future__ import annotations

from callchart.engine.chart import Chart
from callchart.states.call import call
from callchart.states.data import PhoneData
from callchart.states.hangup import ended, hangup
from callchart.states.late import is_late

CHART = Chart(
    "phone call",
    [call, hangup, ended],
    data=PhoneData,
    late=is_late,
    overview=["greeting", "listening", "thinking", "speaking", "barged_in", "hangup"],
)
