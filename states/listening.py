"""The caller's turn: no reply exists."""

from __future__ import annotations

from dataclasses import replace

from callchart.engine.chart import State, ignore, stay, to
from callchart.engine.events import (
    FinalHeard,
    PartialHeard,
    PlaybackStopped,
    SpeechEnded,
    SpeechStarted,
)
from callchart.states.data import PhoneData
from callchart.states.hearing import (
    add_words,
    has_words,
    has_words_of_before,
    mark_interrupted,
    note_partial,
    note_speech_ended,
    there_is_a_question,
    words_heard,
)
from callchart.states.replies import (
    begin_farewell,
    begin_reprompt,
    reprompts_are_used_up,
    start_reply,
)
from callchart.states.settings import settings


def take_the_floor(data: PhoneData, at_us: int) -> PhoneData:
    """The caller goes on and on: from now on they count as silent."""
    return replace(data, silent_since_us=at_us)


waiting = State(
    "waiting",
    "Silence. After a while the caller is asked again, and in the end bidden goodbye.",
    on={
        SpeechStarted: to("listening.hearing"),
        SpeechEnded: to("settling", update=note_speech_ended),
        PartialHeard: [
            to("settling", update=note_partial, when=has_words_of_before),
            to("listening.hearing", update=note_partial, when=has_words),
            ignore("no words in it"),
        ],
        FinalHeard: [
            to("settling", update=add_words, when=has_words),
            stay(update=add_words),
        ],
    },
    after={
        "no_input": (
            settings.no_input,
            [
                to(
                    "turn.speaking",
                    update=begin_farewell,
                    effects=start_reply,
                    when=reprompts_are_used_up,
                ),
                to("turn.speaking", update=begin_reprompt, effects=start_reply),
            ],
        ),
    },
)

hearing = State(
    "hearing",
    "The caller speaks.",
    on={
        SpeechStarted: ignore("they are speaking already"),
        SpeechEnded: to("settling", update=note_speech_ended),
        PartialHeard: stay(update=note_partial),
        FinalHeard: stay(update=add_words),
        # Words took the turn: only now is known what was heard of the reply before them.
        PlaybackStopped: stay(update=[words_heard, mark_interrupted], when=there_is_a_question),
    },
    after={
        "longest_utterance": (
            settings.longest_utterance,
            to("settling.words", update=take_the_floor),
        ),
    },
)

interrupted = State(
    "interrupted",
    "The caller took the turn, and is silent already: what is left of a reply is gone by now.",
    on={
        SpeechStarted: to("listening.hearing"),
        SpeechEnded: stay(update=note_speech_ended),
        PartialHeard: stay(update=note_partial),
        FinalHeard: stay(update=add_words),
        # The reply was left in the step before this: only now is known what was heard of it.
        PlaybackStopped: stay(update=[words_heard, mark_interrupted]),
    },
    after={"settle": (0, to("settling"))},
)

listening = State("listening", __doc__, role="listening", children=[waiting, hearing, interrupted])
