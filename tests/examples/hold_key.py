"""The default call with one more state: the caller presses * to make the agent wait."""

from callchart import (
    PHONE_CALL,
    DigitReceived,
    FinalHeard,
    PartialHeard,
    SpeechEnded,
    SpeechStarted,
    State,
    ignore,
    to,
)


def is_star(event: DigitReceived) -> bool:
    return event.digit == "*"


speech = ignore("the caller asked us to wait")

on_hold = State(
    "on_hold",
    "The caller pressed *: wait until they press it again, for a minute at most.",
    on={
        DigitReceived: [to("listening", when=is_star), ignore("only * has a meaning")],
        **dict.fromkeys([SpeechStarted, SpeechEnded, PartialHeard, FinalHeard], speech),
    },
    after={"longest_hold": (60.0, to("listening"))},
)

CHART = PHONE_CALL.extended(
    "phone call with a hold key",
    add={"call": [on_hold]},
    on={"listening": {DigitReceived: [to("on_hold", when=is_star), ignore("no other key")]}},
)
