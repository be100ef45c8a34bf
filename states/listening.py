"""The caller's turn. The agent has no reply."""

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
    has_question,
    has_words,
    has_words_of_ended_utterance,
    mark_interrupted,
    note_partial,
    note_speech_ended,
    record_heard_words,
)
from callchart.states.replies import (
    begin_farewell,
    begin_reprompt,
    reprompts_are_used_up,
    start_reply,
)
from callchart.states.settings import settings


def count_silence_from_now(data: PhoneData, at_us: int) -> PhoneData:
    """Count the caller's silence from now on: the utterance is too long to wait for its end."""
    return replace(data, silent_since_us=at_us)


waiting = State(
    "waiting",
    "The caller is silent. After a while the agent asks again, and at last says goodbye.",
    on={
        SpeechStarted: to("listening.hearing"),
        SpeechEnded: to("settling", update=note_speech_ended),
        PartialHeard: [
            to("settling", update=note_partial, when=has_words_of_ended_utterance),
            to("listening.hearing", update=note_partial, when=has_words),
            ignore("the partial has no words"),
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
        SpeechStarted: ignore("the caller already speaks"),
        SpeechEnded: to("settling", update=note_speech_ended),
        PartialHeard: stay(update=note_partial),
        FinalHeard: stay(update=add_words),
        # Leaving the reply raises this event, so it follows the step in which words took the turn.
        PlaybackStopped: stay(update=[record_heard_words, mark_interrupted], when=has_question),
    },
    after={
        "longest_utterance": (
            settings.longest_utterance,
            to("settling.words", update=count_silence_from_now),
        ),
    },
)

interrupted = State(
    "interrupted",
    "The caller took the turn and is silent again. The reply is cancelled.",
    on={
        SpeechStarted: to("listening.hearing"),
        SpeechEnded: stay(update=note_speech_ended),
        PartialHeard: stay(update=note_partial),
        FinalHeard: stay(update=add_words),
        # Leaving the reply raises this event, so it may follow the step that entered this state.
        PlaybackStopped: stay(update=[record_heard_words, mark_interrupted]),
    },
    after={"settle": (0, to("settling"))},
)

listening = State("listening", __doc__, role="listening", children=[waiting, hearing, interrupted])
