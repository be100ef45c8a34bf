"""The words of the caller as data: the question, and the history of both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from callchart.engine.data import Said
from callchart.engine.events import (
    EndOfUtteranceHeard,
    FinalHeard,
    PartialHeard,
    PlaybackStopped,
    SpeechEnded,
)
from callchart.states.data import PhoneData
from callchart.states.phrasing import consists_of
from callchart.states.replies import reset_apologies

Heard = PartialHeard | FinalHeard


# --- guards ------------------------------------------------------------------------------------


def has_words(event: Heard) -> bool:
    """Return True if the event has words: a cough has none."""
    return bool(event.text.strip())


def takes_the_turn(data: PhoneData, event: Heard) -> bool:
    """Return True if the words are more than a backchannel.

    Partials of other utterances count as well. Near the end of a reply, any words answer it, unless
    the reply ends or transfers the call."""
    so_far = isinstance(event, PartialHeard)
    others = [text for number, text in data.partials if number != event.utterance]
    return _take_the_turn(data, [event.text], so_far) or _take_the_turn(data, others, True)


def partials_take_the_turn(data: PhoneData) -> bool:
    """Return True if the partials are more than backchannels."""
    return _take_the_turn(data, [text for _, text in data.partials], True)


def _take_the_turn(data: PhoneData, texts: Iterable[str], so_far: bool) -> bool:
    ends_or_transfers = data.reply.ends_call or data.reply.transfer_to
    nearly_played = data.left_s <= data.settings.early_answer and not ends_or_transfers
    backchannels = data.facts.scripts.backchannels
    return any(
        nearly_played or not consists_of(text, backchannels, so_far=so_far)
        for text in texts
        if text.strip()
    )


def question_is_complete(data: PhoneData) -> bool:
    """Return True if there is a question, and each utterance that ended has its final."""
    return bool(data.question) and data.recognised >= data.ended


def has_question(data: PhoneData) -> bool:
    """Return True if there is a question to answer."""
    return bool(data.question)


def was_only_noise(data: PhoneData, event: FinalHeard) -> bool:
    """Return True if this final is the last one pending, and the turn has no other words."""
    if later_final_is_pending(data, event):
        return False
    return not data.question and all(number == event.utterance for number, _ in data.partials)


def was_only_noise_after_question(data: PhoneData, event: FinalHeard) -> bool:
    """Return True if there was only noise, after a question that is still unanswered."""
    return data.unanswered and was_only_noise(data, event)


def has_words_of_ended_utterance(data: PhoneData, event: PartialHeard) -> bool:
    """Return True if the partial has words of an utterance that has ended already."""
    return event.utterance <= data.ended and has_words(event)


def later_final_is_pending(data: PhoneData, event: FinalHeard) -> bool:
    """Return True if a later utterance has ended too, and its final is pending."""
    return event.utterance < data.ended


def has_question_or_partial(data: PhoneData) -> bool:
    """Return True if there is a question to answer, or at least a partial."""
    return bool(data.question or data.partial)


# --- updates -----------------------------------------------------------------------------------


def note_partial(data: PhoneData, event: PartialHeard) -> PhoneData:
    """Keep the words of the partial: the final of its utterance may never come."""
    if not (text := event.text.strip()):
        return data
    if event.utterance == data.partial_of:
        return replace(data, partial=text)
    return _with_partials(data, {**dict(data.partials), event.utterance: text})


def note_speech_ended(data: PhoneData, event: SpeechEnded, at_us: int) -> PhoneData:
    """Note that the caller is silent, and that the final of the utterance is pending."""
    return replace(data, ended=event.utterance, silent_since_us=at_us)


def note_end_recognised(data: PhoneData, event: EndOfUtteranceHeard) -> PhoneData:
    """Note that the recogniser considers this utterance ended."""
    return replace(data, end_recognised=event.utterance)


def add_words(data: PhoneData, event: FinalHeard) -> PhoneData:
    """Add the words of the final to the question, in place of the partial of its utterance.

    Finals come in order, so an earlier utterance will get no final: its partial joins the question
    as well."""
    earlier = [text for number, text in data.partials if number < event.utterance]
    said = [text] if (text := event.text.strip()) else []
    return replace(_recognised(data, event), question=(*data.question, *earlier, *said))


def drop_final(data: PhoneData, event: FinalHeard) -> PhoneData:
    """Drop the words of the final: a backchannel, or none."""
    return _recognised(data, event)


def drop_partials(data: PhoneData) -> PhoneData:
    """Drop all partials: they were only backchannels."""
    return replace(data, partial="", unfinished=())


def take_partials_as_finals(data: PhoneData) -> PhoneData:
    """Add all partials to the question: their finals did not come in time."""
    if not data.partial:
        return data
    return replace(
        data,
        question=(*data.question, *(text for _, text in data.partials)),
        partial="",
        unfinished=(),
        recognised=max(data.recognised, data.partial_of),
    )


def record_question(data: PhoneData) -> PhoneData:
    """Move the question into the history.

    If the history ends with words of the caller, the question joins that entry."""
    text = " ".join(data.question)
    history = data.history
    match history:
        case (*before, Said(who="caller", text=begun)):
            history, text = tuple(before), f"{begun} {text}"
    answered = max(data.ended, data.recognised)
    return replace(
        _with_partials(
            data, {number: words for number, words in data.partials if number > answered}
        ),
        history=(*history, Said("caller", text)),
        question=(),
        draft="",
        drafted=0,
        answered=answered,
        unanswered=True,
        reprompts=0,
    )


def record_unanswered(data: PhoneData) -> PhoneData:
    """Move all unanswered words of the caller into the history: the call ends."""
    data = take_partials_as_finals(data)
    return record_question(data) if data.question else data


def record_heard_words(data: PhoneData, event: PlaybackStopped) -> PhoneData:
    """Add to the history only those words of the reply that the caller heard."""
    if not event.heard:
        return data
    history, text = data.history, event.heard
    match history:
        case (*before, Said(reply=event.reply, text=begun)):
            history, text = tuple(before), f"{begun} {text}"
    return replace(data, history=(*history, Said("agent", text, event.reply)), unanswered=False)


def mark_interrupted(data: PhoneData) -> PhoneData:
    """Mark the reply as interrupted by the caller. It no longer ends or transfers the call."""
    history, reply = list(data.history), replace(data.reply, ends_call=False, transfer_to="")
    for place, item in reversed(list(enumerate(history))):
        if isinstance(item, Said):
            # A tool of the same reply may follow its words in the history.
            if item.reply == reply.number:
                history[place] = replace(item, interrupted=True)
            break
    marked = replace(data, history=tuple(history), reply=reply)
    # The caller heard a part of a good reply: earlier failures no longer count.
    return reset_apologies(marked) if reply.heard and reply.failure is None else marked


def note_line_closed(data: PhoneData) -> PhoneData:
    """Note that the line is closed, so `hangup` does not wait for it."""
    return replace(data, line_closed=True)


def _recognised(data: PhoneData, event: FinalHeard) -> PhoneData:
    """Note that the utterance has its final, and drop the partials up to it."""
    heard = replace(data, recognised=max(data.recognised, event.utterance))
    if not data.partial:
        return heard
    later = {number: text for number, text in data.partials if number > event.utterance}
    return _with_partials(heard, later)


def _with_partials(data: PhoneData, partials: Mapping[int, str]) -> PhoneData:
    """Replace all partials. `partials` maps numbers of utterances to texts."""
    if not partials:
        return replace(data, partial="", unfinished=())
    *before, (last, text) = sorted(partials.items())
    return replace(data, partial=text, partial_of=last, unfinished=tuple(before))
