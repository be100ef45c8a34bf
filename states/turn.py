"""The agent's turn: the states in which a reply may exist. Leaving the turn cancels the reply."""

from __future__ import annotations

from callchart.engine.chart import State, stay, to
from callchart.engine.events import (
    FinalHeard,
    PartialHeard,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
    SpeechEnded,
)
from callchart.states.barged_in import barged_in
from callchart.states.greeting import greeting
from callchart.states.hearing import (
    add_words,
    drop_final,
    mark_interrupted,
    note_partial,
    note_speech_ended,
    takes_the_turn,
)
from callchart.states.replies import may_not_be_interrupted, note_failure, note_ready, note_written
from callchart.states.settling import settling
from callchart.states.speaking import speaking
from callchart.states.thinking import thinking
from callchart.states.transferring import transferring

turn = State(
    "turn",
    __doc__,
    activity="reply",
    on={
        SpeechEnded: stay(update=note_speech_ended),
        PartialHeard: stay(update=note_partial),
        FinalHeard: [
            stay(update=add_words, when=may_not_be_interrupted),
            # The recogniser was slow, and the call took the speech for a false alarm.
            to("listening.interrupted", update=[add_words, mark_interrupted], when=takes_the_turn),
            stay(update=drop_final),
        ],
        ReplyReady: stay(update=note_ready),
        ReplyWritten: stay(update=note_written),
        ReplyFailed: stay(update=note_failure),
    },
    children=[greeting, settling, thinking, speaking, barged_in, transferring],
)
