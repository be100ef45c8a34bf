"""The default chart: the states of the other files, and nothing else."""

from __future__ import annotations

from engine.chart import Chart
from states.call import call
from states.hangup import ended, hangup
from states.late import is_over

CHART = Chart("phone call", [call, hangup, ended], late=is_over)
