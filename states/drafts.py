"""Drafts: answers that begin before the end of the caller's turn is certain.

The caller does not hear a draft until the turn ends. `data.draft` holds the words that it answers.
If the question has the same words when the turn ends, the draft becomes the answer. Otherwise
another answer begins. A turn has at most `settings.drafts` drafts."""

from __future__ import annotations

from dataclasses import replace

from callchart.engine.data import Reply
from callchart.engine.effects import StartDraft
from callchart.engine.events import FinalHeard, PartialHeard
from callchart.states.data import PhoneData
from callchart.states.hearing import (
    add_words,
    has_words,
    later_final_is_pending,
    question_is_complete,
    record_question,
)
from callchart.states.phrasing import words_of
from callchart.states.replies import begin_answer, next_reply

# --- guards ------------------------------------------------------------------------------------


def is_worth_a_draft(data: PhoneData, event: FinalHeard) -> bool:
    """Return True if all words are known, no draft answers them, and the turn may have one."""
    if not has_words(event) or later_final_is_pending(data, event):
        return False
    return _may_draft(add_words(data, event))


def partial_is_stable(data: PhoneData, event: PartialHeard) -> bool:
    """Return True if the partial has the words of the last one, and the turn may have a draft."""
    same = words_of(event.text) == words_of(data.partial) != ()
    return same and event.utterance == data.partial_of and _may_draft(data)


def draft_is_ready(data: PhoneData) -> bool:
    """Return True if the draft answers the question, and its first sound is ready."""
    return question_is_complete(data) and _draft_fits(data) and data.reply.ready


def final_confirms_draft(data: PhoneData, event: FinalHeard) -> bool:
    """Return True if, with this final, the draft answers the question and is ready."""
    return draft_is_ready(add_words(data, event))


# --- updates and effects -----------------------------------------------------------------------


def begin_draft(data: PhoneData) -> PhoneData:
    """Begin a draft that answers the words known so far. It replaces an earlier draft."""
    drafted = next_reply(data, Reply(data.reply.number + 1, "answer"))
    return replace(drafted, draft=_known_words(data), drafted=data.drafted + 1)


def drop_draft(data: PhoneData) -> PhoneData:
    """Forget the draft: leaving the state `turn` cancels it."""
    return replace(data, draft="")


def start_draft(data: PhoneData) -> StartDraft:
    """Return the effect that starts the draft, with the words that it answers in the history."""
    as_asked = record_question(replace(data, question=(data.draft,)))
    return StartDraft(data.reply, as_asked.history)


def begin_or_keep_answer(data: PhoneData) -> PhoneData:
    """Keep the draft if it answers the question; otherwise begin another answer."""
    return data if _draft_fits(data) else begin_answer(data)


def _known_words(data: PhoneData) -> str:
    """Return all words of the turn so far, with those of partials."""
    return " ".join((*data.question, *(text for _, text in data.partials)))


def _may_draft(data: PhoneData) -> bool:
    is_new = words_of(_known_words(data)) != words_of(data.draft)
    return is_new and data.drafted < data.settings.drafts


def _draft_fits(data: PhoneData) -> bool:
    """Return True if the draft has not failed, and answers the words of the question."""
    same = words_of(" ".join(data.question)) == words_of(data.draft) != ()
    return same and data.reply.failure is None
