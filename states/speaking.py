"""A reply is heard, chunk by chunk, strictly in order."""

from __future__ import annotations

from callchart.engine.chart import State, defer, ignore, stay, to
from callchart.engine.effects import StopPlayback
from callchart.engine.events import (
    PlaybackFinished,
    PlaybackStarted,
    SoundQueued,
    SpeechStarted,
)
from callchart.states.hearing import put_what_was_said
from callchart.states.overlapped import overlapped
from callchart.states.replies import (
    apologies_are_used_up,
    begin_apology,
    begin_regret,
    failed_for_the_last_time,
    from_speaking,
    is_unheard,
    may_not_be_interrupted,
    note_heard,
    note_said,
    note_sound,
    playback_is_overdue,
    reply_failed,
    saying_goodbye,
    start_reply,
    transfers_after_it,
)
from callchart.states.settings import settings

opening = State(
    "opening",
    "The first moments, in which the caller's last words or an echo may still be heard.",
    on={
        PlaybackStarted: stay(update=note_heard, rearm=["barge_in_guard", "playback_stuck"]),
        SpeechStarted: [
            to("barged_in", update=from_speaking, when=is_unheard),
            defer("too early to be an interruption of this reply"),
        ],
    },
    after={"barge_in_guard": (settings.barge_in_guard, to("speaking.chunks"))},
)

chunks = State(
    "chunks",
    "The caller may interrupt.",
    on={
        # Its first sound came late: the guard begins with it.
        PlaybackStarted: to("speaking.opening", update=note_heard),
        SpeechStarted: [
            ignore("this reply is said to its end", when=may_not_be_interrupted),
            to("speaking.overlapped"),
        ],
    },
)

speaking = State(
    "speaking",
    __doc__,
    role="speaking",
    activity="play",
    exit=StopPlayback(),
    on={
        SoundQueued: stay(update=note_sound, rearm="playback_stuck"),
        PlaybackFinished: [
            to("hangup", update=put_what_was_said, when=saying_goodbye),
            to("transferring", when=transfers_after_it),
            to(
                "speaking",
                update=begin_regret,
                effects=start_reply,
                when=failed_for_the_last_time,
            ),
            to(
                "speaking",
                update=begin_apology,
                effects=start_reply,
                when=reply_failed,
            ),
            to("listening", update=note_said),
        ],
    },
    after={
        "playback_stuck": (
            playback_is_overdue,
            [
                to("hangup", update=put_what_was_said, when=saying_goodbye),
                to("transferring", when=transfers_after_it),
                to(
                    "speaking", update=begin_regret, effects=start_reply, when=apologies_are_used_up
                ),
                to("speaking", update=begin_apology, effects=start_reply),
            ],
        ),
    },
    children=[opening, chunks, overlapped("speaking.chunks", from_speaking)],
)
