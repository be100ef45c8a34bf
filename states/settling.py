"""The caller seems to have ended: is it the end of the turn, and what was said?"""

from __future__ import annotations

from engine.chart import State, stay, to
from engine.events import FinalHeard, SpeechEnded, SpeechStarted
from engine.settings import settings
from states.hearing import (
    add_words,
    has_words,
    more_is_owed,
    note_speech_ended,
    nothing_was_said,
    put_question,
    question_is_complete,
    some_words_are_known,
    take_partial,
)
from states.replies import (
    apologies_are_used_up,
    begin_answer,
    begin_apology,
    begin_regret,
    start_reply,
)

pause = State(
    "pause",
    "Silence is being counted; a caller who goes on keeps the turn.",
    on={
        FinalHeard: [
            stay(update=add_words, when=has_words),
            to("listening", update=add_words, when=nothing_was_said),
            stay(update=add_words),
        ],
    },
    after={
        "end_of_turn": (
            settings.end_of_turn,
            [
                to(
                    "thinking",
                    update=[put_question, begin_answer],
                    effects=start_reply,
                    when=question_is_complete,
                ),
                to("settling.words"),
            ],
        ),
    },
)

words = State(
    "words",
    "Silent for long enough; the recogniser still owes the words.",
    on={
        FinalHeard: [
            stay(update=add_words, when=more_is_owed),
            to(
                "thinking",
                update=[add_words, put_question, begin_answer],
                effects=start_reply,
                when=has_words,
            ),
            to("listening", update=add_words, when=nothing_was_said),
            to(
                "thinking",
                update=[add_words, take_partial, put_question, begin_answer],
                effects=start_reply,
            ),
        ],
    },
    after={
        "words_wait": (
            settings.words_wait,
            [
                to(
                    "thinking",
                    update=[take_partial, put_question, begin_answer],
                    effects=start_reply,
                    when=some_words_are_known,
                ),
                # They did speak: silence would be the worst answer. A final that comes later
                # interrupts the apology.
                to(
                    "speaking", update=begin_regret, effects=start_reply, when=apologies_are_used_up
                ),
                to("speaking", update=begin_apology, effects=start_reply),
            ],
        ),
    },
)

settling = State(
    "settling",
    __doc__,
    on={
        SpeechStarted: to("listening.hearing"),
        SpeechEnded: stay(update=note_speech_ended),
    },
    children=[pause, words],
)
