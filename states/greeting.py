"""The call is answered, and the agent says the greeting."""

from __future__ import annotations

from callchart.engine.chart import State, ignore, stay, to
from callchart.engine.effects import StopPlayback
from callchart.engine.events import PlaybackFinished, PlaybackStarted, SoundQueued, SpeechStarted
from callchart.states.overlapped import overlapped
from callchart.states.replies import (
    begin_apology,
    interrupt_greeting,
    note_sound,
    playback_limit,
    reply_failed,
    start_reply,
)

clear = State(
    "clear",
    "The greeting plays, and the caller is silent.",
    on={SpeechStarted: to("greeting.overlapped")},
)

greeting = State(
    "greeting",
    __doc__,
    role="greeting",
    activity="play",
    exit=StopPlayback(),
    on={
        PlaybackStarted: ignore("only the end of the greeting matters"),
        SoundQueued: stay(update=note_sound, rearm="playback_stuck"),
        PlaybackFinished: [
            to(
                "speaking",
                update=begin_apology,
                effects=start_reply,
                when=reply_failed,
            ),
            to("listening"),
        ],
    },
    after={
        "playback_stuck": (
            playback_limit,
            to("speaking", update=begin_apology, effects=start_reply),
        ),
    },
    children=[clear, overlapped("greeting.clear", interrupt_greeting)],
)
