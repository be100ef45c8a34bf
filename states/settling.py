"""The caller seems to have ended: is it the end of the turn, and what was said?"""

from __future__ import annotations

from callchart.engine.chart import State, stay, to
from callchart.engine.events import (
    EndOfUtteranceHeard,
    FinalHeard,
    PartialHeard,
    SpeechEnded,
    SpeechStarted,
)
from callchart.states.data import PhoneData
from callchart.states.drafts import (
    begin_draft,
    begin_or_keep_answer,
    draft_is_ready,
    drop_draft,
    final_makes_the_draft_ready,
    is_stable,
    is_worth_a_draft,
    start_draft,
)
from callchart.states.hearing import (
    add_words,
    has_words,
    more_is_owed,
    note_heard_out,
    note_partial,
    note_speech_ended,
    nothing_was_said,
    only_noise_since_a_question,
    put_question,
    question_is_complete,
    some_words_are_known,
    take_partial,
)
from callchart.states.phrasing import asks, sounds_unfinished
from callchart.states.replies import (
    apologies_are_used_up,
    begin_answer,
    begin_apology,
    begin_regret,
    start_reply,
)


def end_of_turn(data: PhoneData, at_us: int) -> float:
    """Silence ends a turn: less of it after what sounds like the end, more after what does not.

    Signs that contradict each other are none. It counts from the end of speech, whenever the words
    come."""
    chosen, words = data.settings, data.partial or "".join(data.question[-1:])
    is_over = asks(words) or 0 < data.ended <= data.end_recognised
    silence = chosen.end_of_turn
    if is_over and not sounds_unfinished(words):
        silence = min(silence, chosen.end_of_turn_least)
    elif sounds_unfinished(words) and not is_over:
        silence = max(silence, chosen.end_of_turn_most)
    return _after_silence(silence, data, at_us)


def words_overdue(data: PhoneData, at_us: int) -> float:
    """`words_wait` beyond `end_of_turn`, whatever was said."""
    return _after_silence(data.settings.end_of_turn + data.settings.words_wait, data, at_us)


def _after_silence(seconds: float, data: PhoneData, at: int) -> float:
    return max(0.0, seconds - (at - data.silent_since_us) / 1_000_000)


#: It took the turn, and was none: the question that it was heard into is answered after all.
noise = [
    to(
        "thinking",
        update=[add_words, begin_answer],
        effects=start_reply,
        when=only_noise_since_a_question,
    ),
    to("listening", update=[add_words, drop_draft], when=nothing_was_said),
]

pause = State(
    "pause",
    "Silence is being counted; a caller who goes on keeps the turn.",
    on={
        SpeechEnded: stay(update=note_speech_ended, rearm="end_of_turn"),
        PartialHeard: [
            stay(
                update=[note_partial, begin_draft],
                effects=start_draft,
                rearm="end_of_turn",
                when=is_stable,
            ),
            stay(update=note_partial, rearm="end_of_turn"),
        ],
        EndOfUtteranceHeard: stay(update=note_heard_out, rearm="end_of_turn"),
        FinalHeard: [
            stay(
                update=[add_words, begin_draft],
                effects=start_draft,
                rearm="end_of_turn",
                when=is_worth_a_draft,
            ),
            stay(update=add_words, rearm="end_of_turn", when=has_words),
            *noise,
            stay(update=add_words),
        ],
    },
    after={
        "end_of_turn": (
            end_of_turn,
            [
                to("speaking", update=put_question, effects=start_reply, when=draft_is_ready),
                to(
                    "thinking",
                    update=[begin_or_keep_answer, put_question],
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
                "speaking",
                update=[add_words, put_question],
                effects=start_reply,
                when=final_makes_the_draft_ready,
            ),
            to(
                "thinking",
                update=[add_words, begin_or_keep_answer, put_question],
                effects=start_reply,
                when=has_words,
            ),
            *noise,
            to(
                "thinking",
                update=[add_words, take_partial, put_question, begin_answer],
                effects=start_reply,
            ),
        ],
    },
    after={
        "words_wait": (
            words_overdue,
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
    role="settling",
    on={
        SpeechStarted: to("listening.hearing", update=drop_draft),
        SpeechEnded: stay(update=note_speech_ended),
    },
    children=[pause, words],
)
