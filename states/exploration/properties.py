"""What holds of every call of the default chart, beside what holds of all calls on a phone line."""

from __future__ import annotations

from callchart.engine.chart import Step
from callchart.engine.data import Reply, Said, ToolUsed
from callchart.engine.effects import HangUpLine
from callchart.engine.events import (
    EndOfUtteranceHeard,
    FinalHeard,
    PartialHeard,
    SpeechEnded,
    ToolFinished,
    ToolUnderWay,
)
from callchart.engine.exploration import Property, SearchState
from callchart.engine.exploration.environment import EnvironmentState
from callchart.engine.exploration.environment.properties import ACTED_ON, is_confirmed
from callchart.states.data import PhoneData
from callchart.states.phrasing import is_made_of


def what_is_heard_is_known(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    if step.outcome not in ACTED_ON:
        return None
    data: PhoneData = step.data
    match step.event:
        case SpeechEnded(utterance) if (data.ended, data.silent_since_us) != (
            utterance,
            step.at_us,
        ):
            return "since when the caller is silent is not known"
        case EndOfUtteranceHeard(utterance) if data.end_recognised != utterance:
            return "that the recogniser heard the caller end is not known"
        case PartialHeard(utterance, text) if text and dict(data.partials).get(utterance) != text:
            return "what the caller says is not known"
        case FinalHeard(utterance, text) if not is_made_of(text, data.facts.scripts.backchannels):
            if data.recognised < utterance or (text and not _is_kept(text, before.data, data)):
                return "what the caller said is not known"
    return None


def _is_kept(text: str, before: PhoneData, data: PhoneData) -> bool:
    """Is it to be answered, or part of what is answered?"""
    added = data.history[len(before.history) :]
    asked = data.question[len(before.question) :]
    return text in asked or any(isinstance(item, Said) and text in item.text for item in added)


def no_words_are_lost(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    data, said = before.data, step.data
    for of, text in data.partials:
        if is_made_of(text, data.facts.scripts.backchannels, so_far=True):
            continue
        if of <= data.recognised:
            continue  # its final is there, and counts
        if isinstance(step.event, FinalHeard) and step.event.utterance == of:
            continue
        if of not in dict(said.partials) and not _is_kept(text, data, said):
            return f"{text!r} is lost on {type(step.event).__name__} in {step.before.leaf}"
    return None


def who_is_silent_is_answered(
    before: SearchState, step: Step, after: EnvironmentState
) -> str | None:
    begun = step.before.leaf != step.after.leaf == "call.listening.hearing"
    if begun and isinstance(step.event, PartialHeard | FinalHeard) and not after.speaking:
        return f"in {step.before.leaf}, {type(step.event).__name__} of an utterance that is over"
    return None


def all_is_written_down(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    if HangUpLine() in step.entry_effects and (step.data.question or step.data.partial):
        return f"in {step.after.leaf}, what the caller said last is not in the history"
    return None


def what_tools_do_is_written_down(
    before: SearchState, step: Step, after: EnvironmentState
) -> str | None:
    used = [item for item in step.data.history if isinstance(item, ToolUsed)]
    match step.event:
        case ToolUnderWay(use, name) | ToolFinished(use, name) if step.outcome in ACTED_ON:
            if (use, name) not in [(item.use, item.name) for item in used]:
                return f"{type(step.event).__name__} in {step.before.leaf} is forgotten"
    return None


def last_words(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    reply: Reply = before.data.reply
    if reply.ends_call and not reply.interruptible and step.data.reply.number != reply.number:
        return f"in {step.before.leaf} the last words are said, and another reply is begun"
    return None


def drafts_answer_their_own_words(
    before: SearchState, step: Step, after: EnvironmentState
) -> str | None:
    if not is_confirmed(before, step):
        return None
    # The history of a representative has no words of the caller, so these are the words that the
    # step answers.
    match step.data.history:
        case (*_, Said("caller", text)) if text.split() == before.data.draft.split():
            return None
    return f"in {step.after.leaf} the answer is a draft that was begun for other words"


def drafts_are_few(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    most = step.data.settings.drafts
    return f"a turn has {after.drafts} drafts, and {most} are set" if after.drafts > most else None


DRAFTS = (
    Property("a draft is the answer to its own words alone", drafts_answer_their_own_words),
    Property("a turn has no more drafts than are set", drafts_are_few),
)
PROPERTIES = (
    *DRAFTS,
    Property("what is heard of the caller is known", what_is_heard_is_known),
    Property("no words of the caller's are lost", no_words_are_lost),
    Property("who is silent is not listened to as a speaker", who_is_silent_is_answered),
    Property("a call ends with all that was said in its history", all_is_written_down),
    Property("what tools do is in the history", what_tools_do_is_written_down),
    Property("nothing is said after the last words", last_words),
)
