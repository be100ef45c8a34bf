"""The caller is silent. The call waits until the turn has ended and all words are known."""

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
    final_confirms_draft,
    is_worth_a_draft,
    partial_is_stable,
    start_draft,
)
from callchart.states.hearing import (
    add_words,
    has_question_or_partial,
    has_words,
    later_final_is_pending,
    note_end_recognised,
    note_partial,
    note_speech_ended,
    question_is_complete,
    record_question,
    take_partials_as_finals,
    was_only_noise,
    was_only_noise_after_question,
)
from callchart.states.phrasing import is_question, sounds_unfinished
from callchart.states.replies import (
    apologies_are_used_up,
    begin_answer,
    begin_apology,
    begin_regret,
    start_reply,
)


def end_of_turn(data: PhoneData, at_us: int) -> float:
    """Return the rest of the silence that ends the turn (s).

    Words that sound complete need less silence, and words that sound unfinished need more. Where
    signs of both exist, neither counts. Silence counts from the end of speech, even if the words
    come later."""
    settings, words = data.settings, data.partial or "".join(data.question[-1:])
    sounds_ended = is_question(words) or 0 < data.ended <= data.end_recognised
    silence_s = settings.end_of_turn
    if sounds_ended and not sounds_unfinished(words):
        silence_s = min(silence_s, settings.end_of_turn_least)
    elif sounds_unfinished(words) and not sounds_ended:
        silence_s = max(silence_s, settings.end_of_turn_most)
    return _rest_s(silence_s, data, at_us)


def words_limit(data: PhoneData, at_us: int) -> float:
    """Return the rest of the silence after which the call no longer waits for a final (s)."""
    return _rest_s(data.settings.end_of_turn + data.settings.words_wait, data, at_us)


def _rest_s(silence_s: float, data: PhoneData, at_us: int) -> float:
    return max(0.0, silence_s - (at_us - data.silent_since_us) / 1_000_000)


#: Reactions to a final, if the caller only made a noise. If the noise cancelled an answer before
#: the caller heard any of it, another answer begins.
noise_reactions = [
    to(
        "thinking",
        update=[add_words, begin_answer],
        effects=start_reply,
        when=was_only_noise_after_question,
    ),
    to("listening", update=[add_words, drop_draft], when=was_only_noise),
]

pause = State(
    "pause",
    "The silence is still short. A caller who speaks again keeps the turn.",
    on={
        SpeechEnded: stay(update=note_speech_ended, rearm="end_of_turn"),
        PartialHeard: [
            stay(
                update=[note_partial, begin_draft],
                effects=start_draft,
                rearm="end_of_turn",
                when=partial_is_stable,
            ),
            stay(update=note_partial, rearm="end_of_turn"),
        ],
        EndOfUtteranceHeard: stay(update=note_end_recognised, rearm="end_of_turn"),
        FinalHeard: [
            stay(
                update=[add_words, begin_draft],
                effects=start_draft,
                rearm="end_of_turn",
                when=is_worth_a_draft,
            ),
            stay(update=add_words, rearm="end_of_turn", when=has_words),
            *noise_reactions,
            stay(update=add_words),
        ],
    },
    after={
        "end_of_turn": (
            end_of_turn,
            [
                to("speaking", update=record_question, effects=start_reply, when=draft_is_ready),
                to(
                    "thinking",
                    update=[begin_or_keep_answer, record_question],
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
    "The silence is long enough, but a final is still pending.",
    on={
        FinalHeard: [
            stay(update=add_words, when=later_final_is_pending),
            to(
                "speaking",
                update=[add_words, record_question],
                effects=start_reply,
                when=final_confirms_draft,
            ),
            to(
                "thinking",
                update=[add_words, begin_or_keep_answer, record_question],
                effects=start_reply,
                when=has_words,
            ),
            *noise_reactions,
            to(
                "thinking",
                update=[add_words, take_partials_as_finals, record_question, begin_answer],
                effects=start_reply,
            ),
        ],
    },
    after={
        "words_wait": (
            words_limit,
            [
                to(
                    "thinking",
                    update=[take_partials_as_finals, record_question, begin_answer],
                    effects=start_reply,
                    when=has_question_or_partial,
                ),
                # The caller did speak, so the agent must say something. A later final interrupts
                # the apology.
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
