"""The default call, and a state more: a caller who asks for it may leave a message."""

from dataclasses import dataclass, replace

from engine.chart import State, ignore, stay, to
from engine.data import CallData
from engine.effects import StopPlayback
from engine.events import (
    Event,
    FinalHeard,
    PartialHeard,
    PlaybackFinished,
    PlaybackStarted,
    SoundQueued,
    SpeechStarted,
)
from states import CHART as PHONE_CALL
from states.replies import script, start_reply


@dataclass(frozen=True)
class MessageData(CallData):
    message: str = ""


def asks_to_leave_a_message(data: MessageData, event: FinalHeard, at: int) -> bool:
    return "leave a message" in event.text.lower()


def note_message(data: MessageData, event: FinalHeard, at: int) -> MessageData:
    return replace(data, message=f"{data.message} {event.text}".strip())


def answered(data: MessageData, event: Event, at: int) -> MessageData:
    return replace(data, question=(), answered=data.ended)


invite = script("invite", "Please leave your message now.")
thanks = script("thanks", "Thank you, we will call back.", ends_call=True)

take_message = State(
    "take_message",
    "The caller says what we should know, and is thanked for it.",
    children=[
        State(
            "inviting",
            activity="play",
            exit=StopPlayback(),
            on={
                SpeechStarted: ignore("the invitation is short"),
                PlaybackStarted: ignore("only its end matters"),
                SoundQueued: ignore("the invitation is short"),
                PlaybackFinished: to("taking"),
            },
            after={"stuck": (6.0, to("taking"))},
        ),
        State(
            "taking",
            on={
                SpeechStarted: stay(rearm="silence"),
                PartialHeard: stay(rearm="silence"),
                FinalHeard: stay(update=note_message, rearm="silence"),
            },
            after={"silence": (3.0, to("speaking", update=thanks, effects=start_reply))},
        ),
    ],
    after={"longest_message": (60.0, to("speaking", update=thanks, effects=start_reply))},
)

CHART = PHONE_CALL.extended(
    "phone call with messages",
    data=MessageData,
    add={"turn": [take_message]},
    on={
        "settling.pause": {
            FinalHeard: to(
                "take_message",
                when=asks_to_leave_a_message,
                update=[answered, invite],
                effects=start_reply,
            )
        }
    },
)
