"""A reply plays, chunk by chunk."""

from __future__ import annotations

from callchart.engine.chart import State, defer, ignore, stay, to
from callchart.engine.effects import StopPlayback
from callchart.engine.events import (
    PlaybackFinished,
    PlaybackStarted,
    SoundQueued,
    SpeechStarted,
)
from callchart.states.hearing import record_unanswered
from callchart.states.overlapped import overlapped
from callchart.states.replies import (
    apologies_are_used_up,
    begin_apology,
    begin_regret,
    failed_with_apologies_used_up,
    interrupt_speaking,
    may_not_be_interrupted,
    note_heard,
    note_sound,
    playback_limit,
    reply_ends_call,
    reply_failed,
    reply_is_unheard,
    reply_transfers_call,
    reset_apologies,
    start_reply,
)
from callchart.states.settings import settings

opening = State(
    "opening",
    "The reply begins: speech may be an echo, or the end of the caller's last words.",
    on={
        PlaybackStarted: stay(update=note_heard, rearm=["barge_in_guard", "playback_stuck"]),
        SpeechStarted: [
            to("barged_in", update=interrupt_speaking, when=reply_is_unheard),
            defer("too early to interrupt this reply"),
        ],
    },
    after={"barge_in_guard": (settings.barge_in_guard, to("speaking.chunks"))},
)

chunks = State(
    "chunks",
    "The reply plays, and the caller may interrupt.",
    on={
        # The first sound came after `barge_in_guard`: the guard begins again.
        PlaybackStarted: to("speaking.opening", update=note_heard),
        SpeechStarted: [
            ignore("this reply plays to its end", when=may_not_be_interrupted),
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
            to("hangup", update=record_unanswered, when=reply_ends_call),
            to("transferring", when=reply_transfers_call),
            to(
                "speaking",
                update=begin_regret,
                effects=start_reply,
                when=failed_with_apologies_used_up,
            ),
            to(
                "speaking",
                update=begin_apology,
                effects=start_reply,
                when=reply_failed,
            ),
            to("listening", update=reset_apologies),
        ],
    },
    after={
        "playback_stuck": (
            playback_limit,
            [
                to("hangup", update=record_unanswered, when=reply_ends_call),
                to("transferring", when=reply_transfers_call),
                to(
                    "speaking", update=begin_regret, effects=start_reply, when=apologies_are_used_up
                ),
                to("speaking", update=begin_apology, effects=start_reply),
            ],
        ),
    },
    children=[opening, chunks, overlapped("speaking.chunks", interrupt_speaking)],
)
