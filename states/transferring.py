"""The reply has played. The carrier transfers the caller to the target that the model chose."""

from __future__ import annotations

from callchart.engine.chart import State, ignore, stay, to
from callchart.engine.effects import TransferCall
from callchart.engine.events import FinalHeard, SpeechStarted, TransferFailed
from callchart.states.data import PhoneData
from callchart.states.hearing import add_words
from callchart.states.replies import apologies_are_used_up, begin_apology, begin_regret, start_reply
from callchart.states.settings import settings
from callchart.states.tools import record_failed_transfer


def transfer_call(data: PhoneData) -> TransferCall:
    """Return the effect that asks the carrier to transfer the caller."""
    return TransferCall(data.reply.transfer_to)


not_transferred = [
    to(
        "speaking",
        update=[record_failed_transfer, begin_regret],
        effects=start_reply,
        when=apologies_are_used_up,
    ),
    to("speaking", update=[record_failed_transfer, begin_apology], effects=start_reply),
]

transferring = State(
    "transferring",
    __doc__,
    role="transferring",
    entry=transfer_call,
    on={
        SpeechStarted: ignore("the target of the transfer will hear the caller"),
        FinalHeard: stay(update=add_words),
        TransferFailed: not_transferred,
    },
    after={"transfer_wait": (settings.transfer_wait, not_transferred)},
)
