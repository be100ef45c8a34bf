"""The default call, and a way out of it: a caller who presses 0 is transferred to a person."""

from callchart import (
    PHONE_CALL,
    DigitReceived,
    FinalHeard,
    PartialHeard,
    SpeechEnded,
    SpeechStarted,
    State,
    TransferCall,
    TransferFailed,
    ignore,
    script,
    start_reply,
    to,
)


def asks_for_a_person(event: DigitReceived) -> bool:
    return event.digit == "0"


busy = script("busy", "Nobody is free just now. What can I do for you?")

handing_on = State(
    "handing_on",
    "The carrier is asked to connect the caller with a person.",
    on={
        SpeechStarted: ignore("they will be heard by a person"),
        SpeechEnded: ignore("they will be heard by a person"),
        PartialHeard: ignore("they will be heard by a person"),
        FinalHeard: ignore("they will be heard by a person"),
        DigitReceived: ignore("the transfer has begun"),
        TransferFailed: to("turn.speaking", update=busy, effects=start_reply),
    },
    after={"no_answer": (5.0, to("turn.speaking", update=busy, effects=start_reply))},
)

CHART = PHONE_CALL.extended(
    "phone call with an operator",
    add={"call": [handing_on]},
    on={
        "call": {
            DigitReceived: [
                to("handing_on", when=asks_for_a_person, effects=TransferCall("100")),
                ignore("0 is the only key with a meaning"),
            ]
        }
    },
)
