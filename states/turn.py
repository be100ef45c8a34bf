"""The agent's turn: every state in which a reply may exist. Leaving it kills all of the reply."""

from __future__ import annotations

from engine.chart import State, stay, to
from engine.events import (
    FinalHeard,
    PartialHeard,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
    SpeechEnded,
)
from states.barged_in import barged_in
from states.greeting import greeting
from states.hearing import (
    add_words,
    mark_interrupted,
    note_partial,
    note_speech_ended,
    pass_over,
    takes_the_turn,
)
from states.replies import may_not_be_interrupted, note_failure, note_ready, note_written
from states.settling import settling
from states.speaking import speaking
from states.thinking import thinking
from states.transferring import transferring

turn = State(
    "turn",
    __doc__,
    activity="reply",
    on={
        SpeechEnded: stay(update=note_speech_ended),
        PartialHeard: stay(update=note_partial),
        FinalHeard: [
            stay(update=add_words, when=may_not_be_interrupted),
            # A recogniser so slow that the alarm was called false: the words still count.
            to("listening.interrupted", update=[add_words, mark_interrupted], when=takes_the_turn),
            stay(update=pass_over),
        ],
        ReplyReady: stay(update=note_ready),
        ReplyWritten: stay(update=note_written),
        ReplyFailed: stay(update=note_failure),
    },
    children=[greeting, settling, thinking, speaking, barged_in, transferring],
)
