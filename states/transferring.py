"""All was said: the carrier is asked to hand the caller on to whom the model chose."""

from __future__ import annotations

from callchart.engine.chart import State, ignore, stay, to
from callchart.engine.effects import TransferCall
from callchart.engine.events import FinalHeard, SpeechStarted, TransferFailed
from callchart.states.data import PhoneData
from callchart.states.hearing import add_words
from callchart.states.replies import apologies_are_used_up, begin_apology, begin_regret, start_reply
from callchart.states.settings import settings
from callchart.states.tools import note_not_transferred


def transfer_call(data: PhoneData) -> TransferCall:
    return TransferCall(data.reply.transfer_to)


not_transferred = [
    to(
        "speaking",
        update=[note_not_transferred, begin_regret],
        effects=start_reply,
        when=apologies_are_used_up,
    ),
    to("speaking", update=[note_not_transferred, begin_apology], effects=start_reply),
]

transferring = State(
    "transferring",
    __doc__,
    role="transferring",
    entry=transfer_call,
    on={
        SpeechStarted: ignore("whom they are handed on to will hear them"),
        FinalHeard: stay(update=add_words),
        TransferFailed: not_transferred,
    },
    after={"transfer_wait": (settings.transfer_wait, not_transferred)},
)
