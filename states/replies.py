"""Which reply is next, and how the one under way is doing: guards, updates and effects by name."""

from __future__ import annotations

import math
from dataclasses import replace

from callchart.engine.chart import Update
from callchart.engine.data import CallData, Reply
from callchart.engine.effects import StartReply
from callchart.engine.events import ReplyFailed, ReplyWritten, SoundQueued

# --- guards ------------------------------------------------------------------------------------


def may_not_be_interrupted(data: CallData) -> bool:
    """A reply like the goodbye is said to its end."""
    return not data.reply.interruptible


def is_unheard(data: CallData) -> bool:
    """Nothing of it was heard yet: who speaks now goes on with what they said before it."""
    return data.reply.interruptible and not data.reply.heard


def saying_goodbye(data: CallData) -> bool:
    """The call ends after the reply under way."""
    return data.reply.ends_call


def saying_last_words(data: CallData) -> bool:
    """The call ends after the reply under way, whatever the caller says."""
    return data.reply.ends_call and not data.reply.interruptible


def reply_failed(data: CallData) -> bool:
    """The reply could not be completed."""
    return data.reply.failure is not None


def apologies_are_used_up(data: CallData) -> bool:
    """We apologised often enough in a row."""
    return data.apologies >= data.settings.apologies


def failed_for_the_last_time(data: CallData) -> bool:
    """It could not be completed, and we apologised often enough in a row."""
    return reply_failed(data) and apologies_are_used_up(data)


def reprompts_are_used_up(data: CallData) -> bool:
    """The caller was asked often enough."""
    return data.reprompts >= data.settings.reprompts


def only_hangs_up(event: ReplyWritten) -> bool:
    """The model asked to hang up, without a word."""
    return event.ends_call and event.chunks == 0


def had_only_hung_up(data: CallData) -> bool:
    """The model asked to hang up, without a word, while the caller was speaking."""
    return data.reply.ends_call and data.reply.chunks == 0


def transfers_after_it(data: CallData) -> bool:
    """The caller is handed on after the reply under way."""
    return bool(data.reply.transfer_to)


def leads_to_nothing(data: CallData) -> bool:
    """All of the reply was said, and the caller's turn is next."""
    reply = data.reply
    return not (reply.ends_call or reply.transfer_to or reply.failure is not None)


def is_ready(data: CallData) -> bool:
    """The reply's first sound is there."""
    return data.reply.ready


def was_greeting(data: CallData) -> bool:
    """It was the greeting that the caller spoke into."""
    return data.interrupted == "greeting"


def can_be_spoken(data: CallData) -> bool:
    """The reply was being spoken, or its sound is there by now."""
    return data.reply.ready or data.interrupted == "speaking"


# --- updates: the next reply -------------------------------------------------------------------


def next_reply(data: CallData, reply: Reply) -> CallData:
    """`reply` is the one under way from now on."""
    return replace(data, reply=reply, filler=None, sound_until=0, queued=0, left=math.inf, draft="")


def _script(data: CallData, purpose: str, text: str) -> CallData:
    return next_reply(data, Reply(data.reply.number + 1, purpose, text))


def _last_words(data: CallData, purpose: str, text: str) -> CallData:
    reply = Reply(data.reply.number + 1, purpose, text, interruptible=False, ends_call=True)
    return next_reply(data, reply)


def begin_answer(data: CallData) -> CallData:
    """The model's answer to the question."""
    return next_reply(data, Reply(data.reply.number + 1, "answer"))


def begin_reprompt(data: CallData) -> CallData:
    """Nothing was heard for a while: ask again."""
    asked = replace(data, reprompts=data.reprompts + 1)
    return _script(asked, "reprompt", data.facts.scripts.reprompt)


def begin_apology(data: CallData) -> CallData:
    """Something failed: say so."""
    failed = replace(data, apologies=data.apologies + 1)
    return _script(failed, "apology", data.facts.scripts.apology)


def begin_farewell(data: CallData) -> CallData:
    """The last words of this call."""
    return _last_words(data, "farewell", data.facts.scripts.farewell)


def begin_regret(data: CallData) -> CallData:
    """It will not work: say so, and end the call."""
    return _last_words(data, "regret", data.facts.scripts.regret)


def script(
    purpose: str, text: str, *, interruptible: bool = True, ends_call: bool = False
) -> Update:
    """For a chart of your own: the update by which `text` is the next reply.

    `purpose` names it in journals and reports. `start_reply` is the effect that goes with it."""

    def begin(data: CallData) -> CallData:
        reply = Reply(
            data.reply.number + 1, purpose, text, interruptible=interruptible, ends_call=ends_call
        )
        return next_reply(data, reply)

    begin.__name__ = f"begin_{purpose}"
    return begin


def start_reply(data: CallData) -> StartReply:
    """Begin the reply that the data holds: its text, synthesis and playback."""
    return StartReply(data.reply)


# --- updates: the reply under way --------------------------------------------------------------


def note_ready(data: CallData) -> CallData:
    """Its first sound is there."""
    return replace(data, reply=replace(data.reply, ready=True))


def note_heard(data: CallData) -> CallData:
    """Its first sound was heard."""
    return replace(data, reply=replace(data.reply, heard=True))


def note_written(data: CallData, event: ReplyWritten) -> CallData:
    """Its text is complete; the model may have asked to hang up, or to transfer, after it."""
    reply = replace(
        data.reply,
        chunks=event.chunks,
        ends_call=data.reply.ends_call or event.ends_call,
        transfer_to=event.transfer_to,
    )
    return replace(data, reply=reply)


def note_failure(data: CallData, event: ReplyFailed) -> CallData:
    """It will not be complete; what there is of it can be said."""
    return replace(data, reply=replace(data.reply, failure=event.reason))


def note_sound(data: CallData, event: SoundQueued, at_us: int) -> CallData:
    """Sound is on its way: for so long no further sign of playback is needed."""
    sound_until = max(data.sound_until, at_us) + round(event.seconds * 1_000_000)
    return replace(data, sound_until=sound_until, queued=event.chunk + event.complete)


def note_said(data: CallData) -> CallData:
    """A reply was said as it should be: the next failure is the first again."""
    return data if data.reply.purpose in ("apology", "reprompt") else replace(data, apologies=0)


def from_greeting(data: CallData, at_us: int) -> CallData:
    """A false alarm goes back to the greeting."""
    return _spoken_into(replace(data, interrupted="greeting"), at_us)


def from_thinking(data: CallData) -> CallData:
    """A false alarm goes back to thinking."""
    return replace(data, interrupted="thinking", left=math.inf)


def from_speaking(data: CallData, at_us: int) -> CallData:
    """A false alarm goes back to speaking."""
    return _spoken_into(replace(data, interrupted="speaking"), at_us)


def _spoken_into(data: CallData, at_us: int) -> CallData:
    # As far as is known: of the chunks behind the one that plays, only that they are to come.
    is_last = data.reply.chunks is not None and data.queued >= data.reply.chunks
    left = max(0, data.sound_until - at_us) / 1_000_000 if is_last else math.inf
    return replace(data, left=left, sound_until=0)


# --- delays ------------------------------------------------------------------------------------


def playback_is_overdue(data: CallData, at_us: int) -> float:
    """What is on its way to the line, and a margin."""
    return max(0, data.sound_until - at_us) / 1_000_000 + data.settings.playback_margin
