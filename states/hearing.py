"""What the caller says, as data: words gathered into a question, and the history of both sides."""

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
from callchart.states.phrasing import is_made_of
from callchart.states.replies import note_said

Heard = PartialHeard | FinalHeard


# --- guards ------------------------------------------------------------------------------------


def has_words(event: Heard) -> bool:
    """The event brings words: it was no cough."""
    return bool(event.text.strip())


def takes_the_turn(data: PhoneData, event: Heard) -> bool:
    """These words are more than a backchannel, or those of an utterance that has no final; near
    the end of a reply, any words answer it, unless it is a goodbye or leads to a transfer."""
    so_far = isinstance(event, PartialHeard)
    others = [text for of, text in data.partials if of != event.utterance]
    return _take_the_turn(data, [event.text], so_far) or _take_the_turn(data, others, True)


def partials_take_the_turn(data: PhoneData) -> bool:
    """What was said and has no final is more than a backchannel."""
    return _take_the_turn(data, [text for _, text in data.partials], True)


def _take_the_turn(data: PhoneData, texts: Iterable[str], so_far: bool) -> bool:
    leads_on = data.reply.ends_call or data.reply.transfer_to
    nearly_said = data.left_s <= data.settings.early_answer and not leads_on
    backchannels = data.facts.scripts.backchannels
    return any(
        nearly_said or not is_made_of(text, backchannels, so_far=so_far)
        for text in texts
        if text.strip()
    )


def question_is_complete(data: PhoneData) -> bool:
    """There are words to answer, and none are still owed for what was said."""
    return bool(data.question) and data.recognised >= data.ended


def there_is_a_question(data: PhoneData) -> bool:
    """There are words to answer."""
    return bool(data.question)


def nothing_was_said(data: PhoneData, event: FinalHeard) -> bool:
    """No words so far but those that this final takes back, and none are owed: this was noise."""
    if more_is_owed(data, event):
        return False
    return not data.question and all(of == event.utterance for of, _ in data.partials)


def only_noise_since_a_question(data: PhoneData, event: FinalHeard) -> bool:
    """This was noise, and of an answer to what was said before it nothing was heard."""
    return data.unanswered and nothing_was_said(data, event)


def has_words_of_before(data: PhoneData, event: PartialHeard) -> bool:
    """The caller ended the utterance: its words come late, and nobody speaks."""
    return event.utterance <= data.ended and has_words(event)


def more_is_owed(data: PhoneData, event: FinalHeard) -> bool:
    """The caller ended a later utterance: its final is still to come."""
    return event.utterance < data.ended


def some_words_are_known(data: PhoneData) -> bool:
    """There are words to answer, if only a partial's."""
    return bool(data.question or data.partial)


# --- updates -----------------------------------------------------------------------------------


def note_partial(data: PhoneData, event: PartialHeard) -> PhoneData:
    """Remember the utterance so far, in case its final never comes."""
    if not (text := event.text.strip()):
        return data
    if event.utterance == data.partial_of:
        return replace(data, partial=text)
    return _with_partials(data, {**dict(data.partials), event.utterance: text})


def note_speech_ended(data: PhoneData, event: SpeechEnded, at_us: int) -> PhoneData:
    """A final is owed for this utterance from now on, and the caller is silent."""
    return replace(data, ended=event.utterance, silent_since_us=at_us)


def note_heard_out(data: PhoneData, event: EndOfUtteranceHeard) -> PhoneData:
    """The recogniser itself takes this utterance to be over."""
    return replace(data, end_recognised=event.utterance)


def add_words(data: PhoneData, event: FinalHeard) -> PhoneData:
    """The final's words join the question; they replace its partial.

    Finals come in order: the partial of an earlier utterance stands for the one that never came."""
    owed = [text for of, text in data.partials if of < event.utterance]
    said = [text] if (text := event.text.strip()) else []
    return replace(_recognised(data, event), question=(*data.question, *owed, *said))


def pass_over(data: PhoneData, event: FinalHeard) -> PhoneData:
    """A backchannel, or no words: nothing that asks for an answer."""
    return _recognised(data, event)


def drop_partial(data: PhoneData) -> PhoneData:
    """It was no more than a backchannel, whether its final comes or not."""
    return replace(data, partial="", unfinished=())


def take_partial(data: PhoneData) -> PhoneData:
    """The final did not come in time: the partial stands for it."""
    if not data.partial:
        return data
    return replace(
        data,
        question=(*data.question, *(text for _, text in data.partials)),
        partial="",
        unfinished=(),
        recognised=max(data.recognised, data.partial_of),
    )


def put_question(data: PhoneData) -> PhoneData:
    """The question enters the history; pieces between which nothing was heard of us are one."""
    text = " ".join(data.question)
    history = data.history
    match history:
        case (*before, Said(who="caller", text=begun)):
            history, text = tuple(before), f"{begun} {text}"
    answered = max(data.ended, data.recognised)
    return replace(
        _with_partials(data, {of: words for of, words in data.partials if of > answered}),
        history=(*history, Said("caller", text)),
        question=(),
        draft="",
        drafted=0,
        answered=answered,
        unanswered=True,
        reprompts=0,
    )


def put_what_was_said(data: PhoneData) -> PhoneData:
    """The call ends: what the caller said last enters the history unanswered."""
    data = take_partial(data)
    return put_question(data) if data.question else data


def words_heard(data: PhoneData, event: PlaybackStopped) -> PhoneData:
    """What the caller heard of a reply, and only that, is its place in the history."""
    if not event.heard:
        return data
    history, text = data.history, event.heard
    match history:
        case (*before, Said(reply=event.reply, text=begun)):
            history, text = tuple(before), f"{begun} {text}"
    return replace(data, history=(*history, Said("agent", text, event.reply)), unanswered=False)


def mark_interrupted(data: PhoneData) -> PhoneData:
    """The reply's last heard words were cut off by the caller: it leads to nothing any more."""
    history, reply = list(data.history), replace(data.reply, ends_call=False, transfer_to="")
    for place, item in reversed(list(enumerate(history))):
        if isinstance(item, Said):
            # Behind it may be what a tool has done for the same reply.
            if item.reply == reply.number:
                history[place] = replace(item, interrupted=True)
            break
    marked = replace(data, history=tuple(history), reply=reply)
    # What was heard of it was as it should be.
    return note_said(marked) if reply.heard and reply.failure is None else marked


def note_line_closed(data: PhoneData) -> PhoneData:
    """There is nothing to hang up any more."""
    return replace(data, line_closed=True)


def _recognised(data: PhoneData, event: FinalHeard) -> PhoneData:
    """Its final is there; partials until then count no more."""
    heard = replace(data, recognised=max(data.recognised, event.utterance))
    if not data.partial:
        return heard
    return _with_partials(heard, {of: text for of, text in data.partials if of > event.utterance})


def _with_partials(data: PhoneData, partials: Mapping[int, str]) -> PhoneData:
    """With these words without a final, by their utterance."""
    if not partials:
        return replace(data, partial="", unfinished=())
    *before, (last, text) = sorted(partials.items())
    return replace(data, partial=text, partial_of=last, unfinished=tuple(before))
