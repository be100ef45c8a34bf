"""The default call, and a state more: a caller who asks for it may leave a message."""

from dataclasses import dataclass, replace

from callchart.engine.chart import State, ignore, stay, to
from callchart.engine.effects import StopPlayback
from callchart.engine.events import (
    FinalHeard,
    PartialHeard,
    PlaybackFinished,
    PlaybackStarted,
    SoundQueued,
    SpeechStarted,
)
from callchart.engine.memory import forget, memory
from callchart.states import CHART as PHONE_CALL
from callchart.states import WORLD
from callchart.states.data import PhoneData
from callchart.states.hearing import add_words, note_partial, put_question, put_what_was_said
from callchart.states.replies import script, start_reply


@dataclass(frozen=True)
class MessageData(PhoneData):
    message: str = memory("", abstraction=forget(""))


def asks_to_leave_a_message(event: FinalHeard) -> bool:
    return "leave a message" in event.text.lower()


def note_message(data: MessageData, event: FinalHeard) -> MessageData:
    return replace(data, message=f"{data.message} {event.text}".strip())


invite = script("invite", "Please leave your message now.")
thanks = script("thanks", "Thank you, we will call back.", ends_call=True)

TO_THANKS = to("speaking", update=[put_what_was_said, thanks], effects=start_reply)

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
                PartialHeard: stay(update=note_partial, rearm="silence"),
                FinalHeard: stay(update=[add_words, note_message], rearm="silence"),
            },
            after={"silence": (3.0, TO_THANKS)},
        ),
    ],
    after={"longest_message": (60.0, TO_THANKS)},
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
                update=[add_words, put_question, invite],
                effects=start_reply,
            )
        }
    },
)


#: What is around it while it is explored: as around the default call, and callers who ask for it.
WORLDS = [replace(WORLD, chart=CHART, words=(*WORLD.words, "leave a message"))]
