"""Which reply is next, and how the one under way is doing: guards, updates and effects by name."""

from __future__ import annotations

import math
from dataclasses import replace

from callchart.engine.chart import Update
from callchart.engine.data import Reply
from callchart.engine.effects import StartReply
from callchart.engine.events import ReplyFailed, ReplyWritten, SoundQueued
from callchart.states.data import PhoneData

# --- guards ------------------------------------------------------------------------------------


def may_not_be_interrupted(data: PhoneData) -> bool:
    """A reply like the goodbye is said to its end."""
    return not data.reply.interruptible


def is_unheard(data: PhoneData) -> bool:
    """Nothing of it was heard yet: who speaks now goes on with what they said before it."""
    return data.reply.interruptible and not data.reply.heard


def saying_goodbye(data: PhoneData) -> bool:
    """The call ends after the reply under way."""
    return data.reply.ends_call


def saying_last_words(data: PhoneData) -> bool:
    """The call ends after the reply under way, whatever the caller says."""
    return data.reply.ends_call and not data.reply.interruptible


def reply_failed(data: PhoneData) -> bool:
    """The reply could not be completed."""
    return data.reply.failure is not None


def apologies_are_used_up(data: PhoneData) -> bool:
    """We apologised often enough in a row."""
    return data.apologies >= data.settings.apologies


def failed_for_the_last_time(data: PhoneData) -> bool:
    """It could not be completed, and we apologised often enough in a row."""
    return reply_failed(data) and apologies_are_used_up(data)


def reprompts_are_used_up(data: PhoneData) -> bool:
    """The caller was asked often enough."""
    return data.reprompts >= data.settings.reprompts


def only_hangs_up(event: ReplyWritten) -> bool:
    """The model asked to hang up, without a word."""
    return event.ends_call and event.chunks == 0


def had_only_hung_up(data: PhoneData) -> bool:
    """The model asked to hang up, without a word, while the caller was speaking."""
    return data.reply.ends_call and data.reply.chunks == 0


def transfers_after_it(data: PhoneData) -> bool:
    """The caller is handed on after the reply under way."""
    return bool(data.reply.transfer_to)


def leads_to_nothing(data: PhoneData) -> bool:
    """All of the reply was said, and the caller's turn is next."""
    reply = data.reply
    return not (reply.ends_call or reply.transfer_to or reply.failure is not None)


def is_ready(data: PhoneData) -> bool:
    """The reply's first sound is there."""
    return data.reply.ready


def was_greeting(data: PhoneData) -> bool:
    """It was the greeting that the caller spoke into."""
    return data.interrupted == "greeting"


def can_be_spoken(data: PhoneData) -> bool:
    """The reply was being spoken, or its sound is there by now."""
    return data.reply.ready or data.interrupted == "speaking"


# --- updates: the next reply -------------------------------------------------------------------


def next_reply(data: PhoneData, reply: Reply) -> PhoneData:
    """`reply` is the one under way from now on."""
    return replace(
        data, reply=reply, filler=None, sound_until_us=0, queued_chunks=0, left_s=math.inf, draft=""
    )


def _script(data: PhoneData, purpose: str, text: str) -> PhoneData:
    return next_reply(data, Reply(data.reply.number + 1, purpose, text))


def _last_words(data: PhoneData, purpose: str, text: str) -> PhoneData:
    reply = Reply(data.reply.number + 1, purpose, text, interruptible=False, ends_call=True)
    return next_reply(data, reply)


def begin_answer(data: PhoneData) -> PhoneData:
    """The model's answer to the question."""
    return next_reply(data, Reply(data.reply.number + 1, "answer"))


def begin_reprompt(data: PhoneData) -> PhoneData:
    """Nothing was heard for a while: ask again."""
    asked = replace(data, reprompts=data.reprompts + 1)
    return _script(asked, "reprompt", data.facts.scripts.reprompt)


def begin_apology(data: PhoneData) -> PhoneData:
    """Something failed: say so."""
    failed = replace(data, apologies=data.apologies + 1)
    return _script(failed, "apology", data.facts.scripts.apology)


def begin_farewell(data: PhoneData) -> PhoneData:
    """The last words of this call."""
    return _last_words(data, "farewell", data.facts.scripts.farewell)


def begin_regret(data: PhoneData) -> PhoneData:
    """It will not work: say so, and end the call."""
    return _last_words(data, "regret", data.facts.scripts.regret)


def script(
    purpose: str, text: str, *, interruptible: bool = True, ends_call: bool = False
) -> Update:
    """For a chart of your own: the update by which `text` is the next reply.

    `purpose` names it in journals and reports. `start_reply` is the effect that goes with it."""

    def begin(data: PhoneData) -> PhoneData:
        reply = Reply(
            data.reply.number + 1, purpose, text, interruptible=interruptible, ends_call=ends_call
        )
        return next_reply(data, reply)

    begin.__name__ = f"begin_{purpose}"
    return begin


def start_reply(data: PhoneData) -> StartReply:
    """Begin the reply that the data holds: its text, synthesis and playback."""
    return StartReply(data.reply)


# --- updates: the reply under way --------------------------------------------------------------


def note_ready(data: PhoneData) -> PhoneData:
    """Its first sound is there."""
    return replace(data, reply=replace(data.reply, ready=True))


def note_heard(data: PhoneData) -> PhoneData:
    """Its first sound was heard."""
    return replace(data, reply=replace(data.reply, heard=True))


def note_written(data: PhoneData, event: ReplyWritten) -> PhoneData:
    """Its text is complete; the model may have asked to hang up, or to transfer, after it."""
    reply = replace(
        data.reply,
        chunks=event.chunks,
        ends_call=data.reply.ends_call or event.ends_call,
        transfer_to=event.transfer_to,
    )
    return replace(data, reply=reply)


def note_failure(data: PhoneData, event: ReplyFailed) -> PhoneData:
    """It will not be complete; what there is of it can be said."""
    return replace(data, reply=replace(data.reply, failure=event.reason))


def note_sound(data: PhoneData, event: SoundQueued, at_us: int) -> PhoneData:
    """Sound is on its way: for so long no further sign of playback is needed."""
    sound_until_us = max(data.sound_until_us, at_us) + round(event.seconds * 1_000_000)
    return replace(data, sound_until_us=sound_until_us, queued_chunks=event.chunk + event.complete)


def note_said(data: PhoneData) -> PhoneData:
    """A reply was said as it should be: the next failure is the first again."""
    return data if data.reply.purpose in ("apology", "reprompt") else replace(data, apologies=0)


def from_greeting(data: PhoneData, at_us: int) -> PhoneData:
    """A false alarm goes back to the greeting."""
    return _spoken_into(replace(data, interrupted="greeting"), at_us)


def from_thinking(data: PhoneData) -> PhoneData:
    """A false alarm goes back to thinking."""
    return replace(data, interrupted="thinking", left_s=math.inf)


def from_speaking(data: PhoneData, at_us: int) -> PhoneData:
    """A false alarm goes back to speaking."""
    return _spoken_into(replace(data, interrupted="speaking"), at_us)


def _spoken_into(data: PhoneData, at_us: int) -> PhoneData:
    # As far as is known: of the chunks behind the one that plays, only that they are to come.
    is_last = data.reply.chunks is not None and data.queued_chunks >= data.reply.chunks
    left = max(0, data.sound_until_us - at_us) / 1_000_000 if is_last else math.inf
    return replace(data, left_s=left, sound_until_us=0)


# --- delays ------------------------------------------------------------------------------------


def playback_is_overdue(data: PhoneData, at_us: int) -> float:
    """What is on its way to the line, and a margin."""
    return max(0, data.sound_until_us - at_us) / 1_000_000 + data.settings.playback_margin
