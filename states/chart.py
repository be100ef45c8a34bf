"""The default chart: the states of the other files, and nothing else."""

from __future__ import annotations

from engine.chart import Chart
from engine.data import CallData
from engine.events import Event
from states.call import call
from states.hangup import ended, hangup
from states.late import is_over
from states.replies import is_of_another_reply


def is_late(data: CallData, event: Event) -> bool:
    """It speaks of words that were answered already, or of a reply that another replaced."""
    return is_over(data, event) or is_of_another_reply(data, event)


CHART = Chart("phone call", [call, hangup, ended], late=is_late)
