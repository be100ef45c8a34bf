"""The caller spoke into the reply: it is silent at once. An interruption, or a false alarm?

Words decide: more than a backchannel takes the turn. Until then the reply is kept: it goes on being
written and synthesised, unheard."""

from __future__ import annotations

from collections.abc import Sequence

from callchart.engine.chart import Reaction, State, Update, ignore, stay, to
from callchart.engine.events import FinalHeard, PartialHeard, SpeechEnded, SpeechStarted
from callchart.states.hearing import (
    add_words,
    drop_partial,
    has_words,
    mark_interrupted,
    more_is_owed,
    note_partial,
    note_speech_ended,
    partials_take_the_turn,
    pass_over,
    takes_the_turn,
)
from callchart.states.replies import (
    begin_apology,
    begin_farewell,
    begin_regret,
    can_be_spoken,
    failed_for_the_last_time,
    had_only_hung_up,
    reply_failed,
    start_reply,
    was_greeting,
)
from callchart.states.settings import settings


def false_alarm(update: Sequence[Update]) -> list[Reaction]:
    """Back to where the caller spoke into, or on to what has become of the reply meanwhile."""
    return [
        to("greeting", update=update, when=was_greeting),
        to("speaking", update=update, when=can_be_spoken),
        to(
            "speaking", update=[*update, begin_farewell], effects=start_reply, when=had_only_hung_up
        ),
        to(
            "speaking",
            update=[*update, begin_regret],
            effects=start_reply,
            when=failed_for_the_last_time,
        ),
        to("speaking", update=[*update, begin_apology], effects=start_reply, when=reply_failed),
        to("thinking", update=update),
    ]


speech = State(
    "speech",
    "The caller speaks; the words are not known yet.",
    on={
        SpeechStarted: ignore("they are speaking already"),
        SpeechEnded: to("barged_in.silence", update=note_speech_ended),
        PartialHeard: [
            to("listening.hearing", update=[note_partial, mark_interrupted], when=takes_the_turn),
            # "Uh-huh" so far: it may last, and yet be no more than that.
            stay(update=note_partial, rearm="interruption", when=has_words),
            ignore("no words in it"),
        ],
        FinalHeard: to(
            "listening.hearing", update=[add_words, mark_interrupted], when=takes_the_turn
        ),
    },
    after={
        "interruption": (
            settings.interruption,
            to("listening.hearing", update=mark_interrupted),
        ),
    },
)

silence = State(
    "silence",
    "The caller is silent again; were there words?",
    on={
        SpeechStarted: to("barged_in.speech"),
        SpeechEnded: stay(update=note_speech_ended),
        PartialHeard: to(
            "listening.interrupted", update=[note_partial, mark_interrupted], when=takes_the_turn
        ),
        FinalHeard: [
            to("listening.interrupted", update=[add_words, mark_interrupted], when=takes_the_turn),
            stay(update=pass_over, when=more_is_owed),
            *false_alarm([pass_over]),
        ],
    },
    after={
        "false_alarm": (
            settings.false_alarm,
            [
                # They were heard before the reply fell silent.
                to("listening.interrupted", update=mark_interrupted, when=partials_take_the_turn),
                *false_alarm([drop_partial]),
            ],
        ),
    },
)

barged_in = State("barged_in", __doc__, role="interrupted", children=[speech, silence])
