"""The caller spoke into the reply, and the reply stopped. The words decide what follows.

More than a backchannel is an interruption, and so is long speech; anything else is a false alarm.
Until that is known, the call keeps the reply: the model still writes it and the voice still
synthesises it, but no sound is played."""

from __future__ import annotations

from collections.abc import Sequence

from callchart.engine.chart import Reaction, State, Update, ignore, stay, to
from callchart.engine.events import FinalHeard, PartialHeard, SpeechEnded, SpeechStarted
from callchart.states.hearing import (
    add_words,
    drop_final,
    drop_partials,
    has_words,
    later_final_is_pending,
    mark_interrupted,
    note_partial,
    note_speech_ended,
    partials_take_the_turn,
    takes_the_turn,
)
from callchart.states.replies import (
    begin_apology,
    begin_farewell,
    begin_regret,
    failed_with_apologies_used_up,
    greeting_was_interrupted,
    reply_can_be_spoken,
    reply_failed,
    reply_hangs_up_without_words,
    start_reply,
)
from callchart.states.settings import settings


def false_alarm(update: Sequence[Update]) -> list[Reaction]:
    """Return the reactions to a false alarm: resume the reply, or handle its end.

    `update` runs first in each of them."""
    return [
        to("greeting", update=update, when=greeting_was_interrupted),
        to("speaking", update=update, when=reply_can_be_spoken),
        to(
            "speaking",
            update=[*update, begin_farewell],
            effects=start_reply,
            when=reply_hangs_up_without_words,
        ),
        to(
            "speaking",
            update=[*update, begin_regret],
            effects=start_reply,
            when=failed_with_apologies_used_up,
        ),
        to("speaking", update=[*update, begin_apology], effects=start_reply, when=reply_failed),
        to("thinking", update=update),
    ]


speech = State(
    "speech",
    "The caller speaks. The words are not known yet.",
    on={
        SpeechStarted: ignore("the caller already speaks"),
        SpeechEnded: to("barged_in.silence", update=note_speech_ended),
        PartialHeard: [
            to("listening.hearing", update=[note_partial, mark_interrupted], when=takes_the_turn),
            # Only a backchannel so far. Its length alone must not take the turn.
            stay(update=note_partial, rearm="interruption", when=has_words),
            ignore("the partial has no words"),
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
    "The caller is silent again. The words may still come.",
    on={
        SpeechStarted: to("barged_in.speech"),
        SpeechEnded: stay(update=note_speech_ended),
        PartialHeard: to(
            "listening.interrupted", update=[note_partial, mark_interrupted], when=takes_the_turn
        ),
        FinalHeard: [
            to("listening.interrupted", update=[add_words, mark_interrupted], when=takes_the_turn),
            stay(update=drop_final, when=later_final_is_pending),
            *false_alarm([drop_final]),
        ],
    },
    after={
        "false_alarm": (
            settings.false_alarm,
            [
                # A partial may have come before the reply stopped (tests/states/test_barged_in.py).
                to("listening.interrupted", update=mark_interrupted, when=partials_take_the_turn),
                *false_alarm([drop_partials]),
            ],
        ),
    },
)

barged_in = State("barged_in", __doc__, role="interrupted", children=[speech, silence])
