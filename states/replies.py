"""The current reply and the next one: their guards, updates, effects and delays."""

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
    """Return True if the reply plays to its end, like the goodbye."""
    return not data.reply.interruptible


def reply_is_unheard(data: PhoneData) -> bool:
    """Return True if the caller may interrupt the reply, and has heard nothing of it yet."""
    return data.reply.interruptible and not data.reply.heard


def reply_ends_call(data: PhoneData) -> bool:
    """Return True if the call ends after this reply."""
    return data.reply.ends_call


def saying_last_words(data: PhoneData) -> bool:
    """Return True if the call ends after this reply, whatever the caller says."""
    return data.reply.ends_call and not data.reply.interruptible


def reply_failed(data: PhoneData) -> bool:
    """Return True if the reply could not be completed."""
    return data.reply.failure is not None


def apologies_are_used_up(data: PhoneData) -> bool:
    """Return True if the agent has apologised `settings.apologies` times in a row."""
    return data.apologies >= data.settings.apologies


def failed_with_apologies_used_up(data: PhoneData) -> bool:
    """Return True if the reply failed, and `apologies_are_used_up`."""
    return reply_failed(data) and apologies_are_used_up(data)


def reprompts_are_used_up(data: PhoneData) -> bool:
    """Return True if the agent has asked again `settings.reprompts` times in a row."""
    return data.reprompts >= data.settings.reprompts


def hangs_up_without_words(event: ReplyWritten) -> bool:
    """Return True if the model asks to hang up without a word."""
    return event.ends_call and event.chunks == 0


def reply_hangs_up_without_words(data: PhoneData) -> bool:
    """Return True if the model asked to hang up without a word."""
    return data.reply.ends_call and data.reply.chunks == 0


def reply_transfers_call(data: PhoneData) -> bool:
    """Return True if the call is transferred after this reply."""
    return bool(data.reply.transfer_to)


def callers_turn_is_next(data: PhoneData) -> bool:
    """Return True if the reply was complete, and does not end or transfer the call."""
    reply = data.reply
    return not (reply.ends_call or reply.transfer_to or reply.failure is not None)


def reply_is_ready(data: PhoneData) -> bool:
    """Return True if the first sound of the reply is ready."""
    return data.reply.ready


def greeting_was_interrupted(data: PhoneData) -> bool:
    """Return True if the caller last spoke into the greeting."""
    return data.interrupted == "greeting"


def reply_can_be_spoken(data: PhoneData) -> bool:
    """Return True if the reply was already playing, or its first sound is ready."""
    return data.reply.ready or data.interrupted == "speaking"


# --- updates: the next reply -------------------------------------------------------------------


def next_reply(data: PhoneData, reply: Reply) -> PhoneData:
    """Make `reply` the current one, and reset the data of the previous one."""
    return replace(
        data, reply=reply, filler=None, sound_until_us=0, queued_chunks=0, left_s=math.inf, draft=""
    )


def _script(data: PhoneData, purpose: str, text: str) -> PhoneData:
    return next_reply(data, Reply(data.reply.number + 1, purpose, text))


def _last_words(data: PhoneData, purpose: str, text: str) -> PhoneData:
    reply = Reply(data.reply.number + 1, purpose, text, interruptible=False, ends_call=True)
    return next_reply(data, reply)


def begin_answer(data: PhoneData) -> PhoneData:
    """Begin the model's answer to the question."""
    return next_reply(data, Reply(data.reply.number + 1, "answer"))


def begin_reprompt(data: PhoneData) -> PhoneData:
    """Ask again: the caller has been silent for a while."""
    asked = replace(data, reprompts=data.reprompts + 1)
    return _script(asked, "reprompt", data.facts.scripts.reprompt)


def begin_apology(data: PhoneData) -> PhoneData:
    """Apologise: something failed."""
    failed = replace(data, apologies=data.apologies + 1)
    return _script(failed, "apology", data.facts.scripts.apology)


def begin_farewell(data: PhoneData) -> PhoneData:
    """Say goodbye and end the call."""
    return _last_words(data, "farewell", data.facts.scripts.farewell)


def begin_regret(data: PhoneData) -> PhoneData:
    """Say that the service does not work now, and end the call."""
    return _last_words(data, "regret", data.facts.scripts.regret)


def script(
    purpose: str, text: str, *, interruptible: bool = True, ends_call: bool = False
) -> Update:
    """Return an update that makes `text` the next reply, for a chart of your own.

    `purpose` names the reply in journals and reports. Add the effect `start_reply` to the
    reaction."""

    def begin(data: PhoneData) -> PhoneData:
        reply = Reply(
            data.reply.number + 1, purpose, text, interruptible=interruptible, ends_call=ends_call
        )
        return next_reply(data, reply)

    begin.__name__ = f"begin_{purpose}"
    return begin


def start_reply(data: PhoneData) -> StartReply:
    """Return the effect that starts the current reply: its text and its synthesis."""
    return StartReply(data.reply)


# --- updates: the current reply ----------------------------------------------------------------


def note_ready(data: PhoneData) -> PhoneData:
    """Note that the first sound of the reply is ready."""
    return replace(data, reply=replace(data.reply, ready=True))


def note_heard(data: PhoneData) -> PhoneData:
    """Note that the caller heard the first sound of the reply."""
    return replace(data, reply=replace(data.reply, heard=True))


def note_written(data: PhoneData, event: ReplyWritten) -> PhoneData:
    """Note that the text is complete, and whether the model ends or transfers the call."""
    reply = replace(
        data.reply,
        chunks=event.chunks,
        ends_call=data.reply.ends_call or event.ends_call,
        transfer_to=event.transfer_to,
    )
    return replace(data, reply=reply)


def note_failure(data: PhoneData, event: ReplyFailed) -> PhoneData:
    """Note that the reply will not be complete. The part that exists can be played."""
    return replace(data, reply=replace(data.reply, failure=event.reason))


def note_sound(data: PhoneData, event: SoundQueued, at_us: int) -> PhoneData:
    """Note when the queued sound will have played: `playback_stuck` waits at least until then."""
    sound_until_us = max(data.sound_until_us, at_us) + round(event.seconds * 1_000_000)
    return replace(data, sound_until_us=sound_until_us, queued_chunks=event.chunk + event.complete)


def reset_apologies(data: PhoneData) -> PhoneData:
    """Reset the count of apologies in a row, unless this reply is an apology or a reprompt."""
    return data if data.reply.purpose in ("apology", "reprompt") else replace(data, apologies=0)


def interrupt_greeting(data: PhoneData, at_us: int) -> PhoneData:
    """Note that the caller spoke into the greeting."""
    return _spoken_into(replace(data, interrupted="greeting"), at_us)


def interrupt_thinking(data: PhoneData) -> PhoneData:
    """Note that the caller spoke before the reply was played."""
    return replace(data, interrupted="thinking", left_s=math.inf)


def interrupt_speaking(data: PhoneData, at_us: int) -> PhoneData:
    """Note that the caller spoke into a reply."""
    return _spoken_into(replace(data, interrupted="speaking"), at_us)


def _spoken_into(data: PhoneData, at_us: int) -> PhoneData:
    # Chunks that are not queued may have no sound yet: then the length is unknown.
    is_last = data.reply.chunks is not None and data.queued_chunks >= data.reply.chunks
    left = max(0, data.sound_until_us - at_us) / 1_000_000 if is_last else math.inf
    return replace(data, left_s=left, sound_until_us=0)


# --- delays ------------------------------------------------------------------------------------


def playback_limit(data: PhoneData, at_us: int) -> float:
    """Return the seconds until all queued sound has played, plus a margin."""
    return max(0, data.sound_until_us - at_us) / 1_000_000 + data.settings.playback_margin
