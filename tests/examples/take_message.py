"""The default call with one more state: a caller who asks for it may leave a message."""

from dataclasses import dataclass, replace

from callchart import (
    PHONE_CALL,
    PHONE_WORLD,
    FinalHeard,
    PartialHeard,
    PhoneData,
    PlaybackFinished,
    PlaybackStarted,
    SoundQueued,
    SpeechStarted,
    State,
    StopPlayback,
    add_words,
    forget,
    ignore,
    memory,
    note_partial,
    record_unanswered,
    script,
    start_reply,
    stay,
    to,
)


@dataclass(frozen=True)
class MessageData(PhoneData):
    message: str = memory("", abstraction=forget(""))


def asks_to_leave_a_message(event: FinalHeard) -> bool:
    return "leave a message" in event.text.lower()


def note_message(data: MessageData, event: FinalHeard) -> MessageData:
    return replace(data, message=f"{data.message} {event.text}".strip())


invite = script("invite", "Please leave your message now.")
thanks = script("thanks", "Thank you, we will call back.", ends_call=True)

TO_THANKS = to("speaking", update=[record_unanswered, thanks], effects=start_reply)

take_message = State(
    "take_message",
    "The caller leaves a message, and the agent thanks them.",
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
                update=[add_words, record_unanswered, invite],
                effects=start_reply,
            )
        }
    },
)


#: The environment of an exploration: the default call's, with callers who ask to leave a message.
WORLDS = [
    replace(PHONE_WORLD, chart=CHART, words=(*PHONE_WORLD.words, "leave a message")),
]
