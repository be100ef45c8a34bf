"""An answer that is begun before the turn is certain to be over: a draft, unheard until it is.

`data.draft` are the words that it answers. It counts if those that end the turn are the same; else
another answer begins. A turn has at most `settings.drafts` of them."""

from __future__ import annotations

from dataclasses import replace

from callchart.engine.data import Reply
from callchart.engine.effects import StartDraft
from callchart.engine.events import FinalHeard, PartialHeard
from callchart.states.data import PhoneData
from callchart.states.hearing import (
    add_words,
    has_words,
    more_is_owed,
    put_question,
    question_is_complete,
)
from callchart.states.phrasing import words_of
from callchart.states.replies import begin_answer, next_reply

# --- guards ------------------------------------------------------------------------------------


def is_worth_a_draft(data: PhoneData, event: FinalHeard) -> bool:
    """All words are known, none of them are answered by a draft, and the turn may have one."""
    if not has_words(event) or more_is_owed(data, event):
        return False
    return _may_draft(add_words(data, event))


def is_stable(data: PhoneData, event: PartialHeard) -> bool:
    """The recogniser says the same twice, and the turn may have a draft."""
    same = words_of(event.text) == words_of(data.partial) != ()
    return same and event.utterance == data.partial_of and _may_draft(data)


def draft_is_ready(data: PhoneData) -> bool:
    """It answers what was said, and its first sound is there."""
    return question_is_complete(data) and _agrees(data) and data.reply.ready


def final_makes_the_draft_ready(data: PhoneData, event: FinalHeard) -> bool:
    """The last words owed are those that it answers, and its first sound is there."""
    return draft_is_ready(add_words(data, event))


# --- updates and effects -----------------------------------------------------------------------


def begin_draft(data: PhoneData) -> PhoneData:
    """The answer to what is known so far; one before it is dropped."""
    drafted = next_reply(data, Reply(data.reply.number + 1, "answer"))
    return replace(drafted, draft=_known(data), drafted=data.drafted + 1)


def drop_draft(data: PhoneData) -> PhoneData:
    """It is over with the turn."""
    return replace(data, draft="")


def start_draft(data: PhoneData) -> StartDraft:
    as_asked = put_question(replace(data, question=(data.draft,)))
    return StartDraft(data.reply, as_asked.history)


def begin_or_keep_answer(data: PhoneData) -> PhoneData:
    """The draft, if it answers what was said; else another answer."""
    return data if _agrees(data) else begin_answer(data)


def _known(data: PhoneData) -> str:
    return " ".join((*data.question, *(text for _, text in data.partials)))


def _may_draft(data: PhoneData) -> bool:
    return data.drafted < data.settings.drafts and words_of(_known(data)) != words_of(data.draft)


def _agrees(data: PhoneData) -> bool:
    same = words_of(" ".join(data.question)) == words_of(data.draft) != ()
    return same and data.reply.failure is None
